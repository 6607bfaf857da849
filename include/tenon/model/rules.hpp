#pragma once
// The rules that a decoder's parts must satisfy to fit, one sentence each. A broken rule is one error: the door
// `assembles` keeps the implementation from being looked at.

#include <concepts>

#include <tenon/model/spec.hpp>
#include <tenon/policies/gate.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/position.hpp>
#include <tenon/policies/precision.hpp>
#include <tenon/policies/score.hpp>

namespace tenon {

/// A spec names every part of a decoder; which values fit is a matter of decoder_rules.
template <class Spec>
concept names_decoder_parts = requires {
  { Spec::shape } -> std::convertible_to<decoder_spec>;
  { Spec::attention } -> std::convertible_to<attention_spec>;
  Spec::mask;
  Spec::score;
  Spec::position;
  Spec::gate.hidden;
  Spec::precision;
};

/// Every rule of assembly for a decoder spec. `assembles` is true when all hold; each that does not hold is reported.
template <class Spec>
struct decoder_rules {
  static constexpr bool parts_are_named = names_decoder_parts<Spec>;
  static_assert(parts_are_named, "[decoder<Spec>] must name shape, attention, mask, score, position, gate and precision. Fix: add the missing member.");
  static constexpr bool assembles = false;
};

template <names_decoder_parts Spec>
struct decoder_rules<Spec> {
 private:
  static constexpr decoder_spec shape = Spec::shape;
  static constexpr attention_spec attention = Spec::attention;

  static constexpr bool sizes = shape.width > 0 && shape.blocks > 0 && shape.vocabulary > 0;
  static_assert(sizes, "[shape] must give a positive width, blocks and vocabulary: a decoder has at least one of each. Fix: set all three.");

  static constexpr bool epsilon = shape.epsilon > 0 && shape.epsilon < 0.1f;
  static_assert(epsilon, "[shape.epsilon] must lie in (0, 0.1): every RMSNorm divides by it at zero. Fix: copy it from the model's configuration.");

  static constexpr bool head_counts = attention.query_heads > 0 && attention.kv_heads > 0;
  static_assert(head_counts, "[attention] must give positive query_heads and kv_heads. Fix: set both; kv_heads = query_heads is plain attention.");

  static constexpr bool groups = !head_counts || attention.query_heads % attention.kv_heads == 0;
  static_assert(groups, "[attention.kv_heads] must divide query_heads: each kv head serves an equal group. Fix: change kv_heads.");

  static constexpr bool head_dim = attention.head_dim >= 8 && attention.head_dim <= 576 && attention.head_dim % 8 == 0;
  static_assert(head_dim, "[attention.head_dim] must be a multiple of 8 from 8 to 576: kernels work on whole vectors. Fix: change head_dim.");

  static constexpr bool hidden = Spec::gate.hidden > 0;
  static_assert(hidden, "[gate.hidden] must be positive: it is the width between the two products. Fix: name it, as in swiglu{.hidden = 1536}.");

 public:
  static constexpr bool assembles = sizes && epsilon && head_counts && groups && head_dim && hidden;
};

}  // namespace tenon
