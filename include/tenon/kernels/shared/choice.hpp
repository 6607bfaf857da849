#pragma once
// What choosing the next token comes to, one logit at a time, for every machine. Weights are whole numbers: their sums are the same in any
// order, and no compiler may contract or reorder what makes them, so that a GPU, a processor and any number of threads draw the same token
// from the same logits. A token less than 2^-40 times as probable as the most probable one weighs nothing.

#include <cstdint>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/fault.hpp>
#include <tenon/core/math.hpp>
#include <tenon/core/view.hpp>
#include <tenon/policies/sampling.hpp>

namespace tenon {

// What stands in place of a token where logits allow none.
inline constexpr std::int32_t damaged_logits = -1;    ///< one is NaN or +infinity
inline constexpr std::int32_t forbidden_logits = -2;  ///< all are -infinity

}  // namespace tenon

TENON_KERNELS_BEGIN

/// `sampling`, as the arithmetic below wants it.
struct choice_rule {
  std::uint64_t share = 0;         ///< top_p in units of 2^-64; 0: no limit
  std::uint64_t least_weight = 0;  ///< of a token that min_p keeps
  float scale = 0;                 ///< of logits, to units of 2^-25 of a halving; 0: the largest is taken
  float penalty = 1;
  std::int32_t top_k = 0;
};

/// Tokens that a vocabulary may have: their weights are added up in 64 bits.
inline constexpr std::int32_t most_choices = 1 << 23;

/// Throws tenon::error for values outside the ranges of `sampling`, and for a vocabulary outside [1, most_choices].
inline choice_rule rule_of(const sampling& how, index_t vocabulary) {
  if (vocabulary < 1 || vocabulary > most_choices)
    throw error("[vocabulary] of sampling is ", vocabulary, ": weights of 1 to ", most_choices, " tokens are added up in 64 bits. Fix: pass the model's vocabulary.");
  const auto need = [](bool holds, const char* what) {
    if (!holds) throw error("[sampling.", what);
  };
  need(how.temperature >= 0 && how.temperature < 1e30f, "temperature] must be at least 0. Fix: 0 is greedy, 1 samples from the model's own distribution.");
  need(how.top_k >= 0, "top_k] must be at least 0: it counts tokens. Fix: 0 keeps all of them.");
  need(how.top_p > 0 && how.top_p <= 1, "top_p] must lie in (0, 1]: it is a probability. Fix: 1 keeps all tokens.");
  need(how.min_p >= 0 && how.min_p <= 1, "min_p] must lie in [0, 1]: it is a share of the largest probability. Fix: 0 keeps all tokens.");
  need(how.repetition_penalty > 0 && how.repetition_penalty < 1e30f, "repetition_penalty] must be positive. Fix: 1 means no penalty.");
  choice_rule rule;
  if (how.temperature > 0) rule.scale = -0x1.715476p25f / how.temperature;  // log2 e
  if (how.top_p < 1) rule.share = static_cast<std::uint64_t>(__builtin_ceilf(how.top_p * 0x1p64f));
  rule.least_weight = static_cast<std::uint64_t>(__builtin_ceilf(how.min_p * 0x1p40f));
  rule.penalty = how.repetition_penalty;
  rule.top_k = how.top_k;
  return rule;
}

/// What the most probable token weighs: most_choices fit into a sum.
inline constexpr std::uint64_t full_weight = std::uint64_t{1} << 40;

/// full_weight e^(below / temperature), below <= 0: how far a logit is from the largest. Falls as `below` does. Within 2e-6 of itself and 1, as
/// rounding `below` to a float makes it. 2^-u for u in [0, 1) by a minimax polynomial in whole numbers, of our own (Remez exchange; relative error 3.1e-9).
TENON_BOTH TENON_INLINE constexpr std::uint64_t weight_of(float below, float scale) {
  const float product = below * scale, far = choose(below == 0, 0.0f, product);  // 0 * infinity, at the coldest temperatures, is not a number
  const bool counts = far < 0x1p31f;
  const auto halvings = static_cast<std::uint32_t>(static_cast<std::int32_t>(choose(counts, far, 0.0f)));
  const std::uint64_t u = static_cast<std::uint32_t>(halvings << 7);
  std::uint64_t fall = 0x7251b;
  fall = 0x538aba - (u * fall >> 32);
  fall = 0x273c7f8 - (u * fall >> 32);
  fall = 0xe34a46b - (u * fall >> 32);
  fall = 0x3d7f581c - (u * fall >> 32);
  fall = 0xb1721605 - (u * fall >> 32);
  const std::uint64_t weight = ((std::uint64_t{1} << 32) - (u * fall >> 32)) << 8 >> (halvings >> 25);
  return weight & (std::uint64_t{0} - static_cast<std::uint64_t>(counts));
}

/// A logit among the recent tokens.
TENON_BOTH TENON_INLINE constexpr float penalised(float logit, float penalty) { return logit > 0 ? logit / penalty : logit * penalty; }

/// Logits in order as unsigned numbers, -0 as 0. Not of NaN.
TENON_BOTH TENON_INLINE constexpr std::uint32_t key_of(float logit) {
  const auto bits = bit_cast<std::uint32_t>(logit == 0 ? 0.0f : logit);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/// The upper 64 bits of a product.
TENON_BOTH TENON_INLINE constexpr std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t low = 0xffffffffu;
  const std::uint64_t inner = (a & low) * (b >> 32), carry = ((a & low) * (b & low) >> 32) + (inner & low) + (a >> 32) * (b & low);
  return (a >> 32) * (b >> 32) + (inner >> 32) + (carry >> 32);
}

/// What the tokens that top_p keeps must weigh together, of `total`.
TENON_BOTH TENON_INLINE constexpr std::uint64_t target_of(std::uint64_t share, std::uint64_t total) {
  const std::uint64_t target = high_product(share, total);
  return target == 0 ? 1 : target;
}

/// The next of uniform 64-bit numbers: SplitMix64 (Steele, Lea and Flood 2014). It advances the state, which begins as the seed.
TENON_BOTH TENON_INLINE constexpr std::uint64_t random_bits(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// What a GPU remembers of the tokens that it draws, in its memory, aligned to 16; a bit per token of the vocabulary follows, set where the token is among the
/// recent ones.
struct alignas(16) draws {
  choice_rule rule;
  std::uint64_t state = 0;
  std::int32_t token = 0;  ///< the one drawn last, or why there is none

  TENON_BOTH TENON_INLINE std::uint32_t* recent() const { return reinterpret_cast<std::uint32_t*>(const_cast<draws*>(this) + 1); }
};

TENON_KERNELS_END
