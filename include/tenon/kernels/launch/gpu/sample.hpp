#pragma once
// The end of a decoding step on a GPU: the next token, drawn where the logits lie (policies/sampling.hpp), so that nothing but the token comes
// back to the host. One block; it reads the logits up to 32 + 3 log2(vocabulary) times for top_k or top_p, twice that for both, from cache but for the first
// time, and moves nothing else. Every sum is one of whole numbers (shared/choice.hpp): the token is the one that runtime/sampling.hpp draws,
// which is also the reference.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/shared/choice.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// One block. What it draws by, and what it draws, lies in memory: launches of it are all the same, and a recording of one serves any sampling.
template <class Leaf>
struct sample_body {
  static constexpr int threads = 512, one = reduction_bytes<Leaf, threads, std::uint64_t>, shared_bytes = 2 * one;
  kernel_detail::device_floats<float> logits;  ///< one row; the penalty changes them
  int count;
  draws* to;

  TENON_BOTH void operator()() const {
    struct halves {
      bits128 half[2];
    };
    const auto* const told = reinterpret_cast<const bits128*>(&to->rule);
    const auto rule = bit_cast<choice_rule>(halves{{Leaf::load(told), Leaf::load(told + 1)}});
    float most = 0;
    int turn = 0;
    const std::int32_t largest = first_of_largest(rule.penalty, most, turn);
    if (largest < 0 || rule.scale == 0) return say(largest);

    const int index_bits = count == 1 ? 0 : 32 - __builtin_clz(static_cast<unsigned>(count - 1));
    const auto order = [&](int i, float logit) TENON_LAMBDA { return static_cast<std::uint64_t>(key_of(logit)) << index_bits | static_cast<unsigned>(count - 1 - i); };
    const auto weigh = [&](float logit) TENON_LAMBDA { return weight_of(logit - most, rule.scale); };
    std::uint64_t last = 0;  // the order of the last token that is kept
    if (rule.top_k > 0 && rule.top_k < count)
      last = place_reaching(static_cast<unsigned>(rule.top_k), 32 + index_bits, order, [](int, float) TENON_LAMBDA { return std::uint64_t{1}; }, turn);
    if (rule.share != 0) {
      const auto measure = [&](int i, float logit) TENON_LAMBDA { return order(i, logit) >= last ? weigh(logit) : 0; };
      const std::uint64_t total = sum(measure, turn);
      last = place_reaching(target_of(rule.share, total), 32 + index_bits, order, measure, turn);
    }
    const auto measure = [&](int i, float logit) TENON_LAMBDA {
      const std::uint64_t weight = weigh(logit);
      return order(i, logit) >= last && weight >= rule.least_weight ? weight : 0;
    };
    auto state = load_eight<Leaf>(&to->state);
    const std::uint64_t target = high_product(random_bits(state), sum(measure, turn)) + 1;
    const auto from_first = [&](int i, float) TENON_LAMBDA { return static_cast<std::uint64_t>(count - 1 - i); };
    say(count - 1 - static_cast<std::int32_t>(place_reaching(target, index_bits, from_first, measure, turn)));
    if (Leaf::thread() == 0) store_eight<Leaf>(&to->state, state);
  }

 private:
  // Each thread sees the same tokens every time, four neighbours and then four others.
  template <class F>
  TENON_BOTH TENON_INLINE void each(const F& f) const {
    for (int i = 4 * Leaf::thread(); i < count; i += 4 * threads) {
      float four[4];
      load_four<Leaf>(logits.data + i, logits.wide, count - i, four);
      for (int e = 0; e < 4; ++e)
        if (i + e < count) f(i + e, four[e]);
    }
  }

  // Penalises, and finds the first of the largest logits, or why there is none.
  TENON_BOTH TENON_INLINE std::int32_t first_of_largest(float penalty, float& most, int& turn) const {
    constexpr float infinity = __builtin_inff();
    float top = -infinity;
    std::uint32_t at = ~0u;
    bool damaged = false;
    each([&](int i, float logit) TENON_LAMBDA {
      if (penalty != 1 && (Leaf::load(to->recent() + i / 32) >> i % 32 & 1u) != 0) {
        logit = penalised(logit, penalty);
        Leaf::store(logits.data + i, logit);
      }
      damaged |= !(logit < infinity);
      if (logit > top) top = logit, at = static_cast<std::uint32_t>(i) + 1;
    });
    most = reduce_block<Leaf, threads>(top, [](float a, float b) TENON_LAMBDA { return a > b ? a : b; }, next_place(turn));
    const std::uint32_t first = damaged ? 0u : top == most ? at : ~0u;
    const std::uint32_t found = reduce_block<Leaf, threads>(first, [](std::uint32_t a, std::uint32_t b) TENON_LAMBDA { return a < b ? a : b; }, next_place(turn));
    return found == 0 ? damaged_logits : found == ~0u ? forbidden_logits : static_cast<std::int32_t>(found) - 1;
  }

  // Two reductions in a row take turns with their places in shared memory.
  TENON_BOTH TENON_INLINE static int next_place(int& turn) { return turn++ % 2 * one; }
  template <class Measure>
  TENON_BOTH TENON_INLINE std::uint64_t sum(const Measure& measure, int& turn) const {
    std::uint64_t all = 0;
    each([&](int i, float logit) TENON_LAMBDA { all += measure(i, logit); });
    return reduce_block<Leaf, threads>(all, [](std::uint64_t a, std::uint64_t b) TENON_LAMBDA { return a + b; }, next_place(turn));
  }
  // The largest place such that the tokens at it and at larger ones measure `target` together, found bit by bit; all tokens reach it.
  template <class Order, class Measure>
  TENON_BOTH TENON_INLINE std::uint64_t place_reaching(std::uint64_t target, int bits, const Order& order, const Measure& measure, int& turn) const {
    std::uint64_t least = 0;
    for (int bit = bits - 1; bit >= 0; --bit) {
      const std::uint64_t asked = least | std::uint64_t{1} << bit;
      if (sum([&](int i, float logit) TENON_LAMBDA { return order(i, logit) >= asked ? measure(i, logit) : 0; }, turn) >= target) least = asked;
    }
    return least;
  }

  TENON_BOTH TENON_INLINE void say(std::int32_t token) const {
    if (Leaf::thread() != 0) return;
    Leaf::store(&to->token, token);
    if (token < 0) return;
    std::uint32_t* const word = to->recent() + token / 32;
    Leaf::store(word, Leaf::load(word) | 1u << token % 32);
  }
};

/// Bytes of memory of the machine, aligned to 64, in which it keeps how tokens of a vocabulary are drawn.
template <device_machine Machine>
std::size_t draws_bytes(const Machine&, index_t vocabulary) {
  return round_up(sizeof(draws) + static_cast<std::size_t>((vocabulary + 31) / 32) * 4, 64);
}

/// Tokens are drawn into `memory` as `how` says from now on; the penalty looks at `recent`, of which those outside the vocabulary are ignored, and at
/// what is drawn. While no kernel runs. Throws tenon::error for values outside the ranges of `sampling`.
template <device_machine Machine>
draws* begin_draws(const Machine& machine, const sampling& how, const std::int32_t* recent, index_t recent_count, index_t vocabulary, std::byte* memory) {
  auto* const to = reinterpret_cast<draws*>(memory);
  *to = {.rule = rule_of(how, vocabulary), .state = how.seed};
  for (index_t i = 0; i < (vocabulary + 31) / 32; ++i) to->recent()[i] = 0;
  for (index_t i = 0; i < recent_count; ++i)
    if (recent[i] >= 0 && recent[i] < vocabulary) to->recent()[recent[i] / 32] |= 1u << recent[i] % 32;
  wrote(machine, memory, draws_bytes(machine, vocabulary));
  return to;
}

/// to->token = the next token, or why there is none (shared/choice.hpp). logits: one row [1, vocabulary], of neighbouring values, which the penalty
/// changes. All in memory of the machine.
template <device_machine Machine>
void sample(const Machine& machine, view<float, 2> logits, draws* to) {
  using body = sample_body<typename Machine::leaf>;
  if (logits.extent[0] != 1 || logits.extent[1] < 1 || logits.extent[1] > most_choices || logits.stride[1] != 1)
    throw error("[logits] of sample must be one row of 1 to ", most_choices, " neighbouring values. Fix: pass a view [1, vocabulary].");
  kernel_detail::launch(machine, 1, 1, body{kernel_detail::device_floats<float>(logits), static_cast<int>(logits.extent[1]), to}, body::shared_bytes);
}

TENON_KERNELS_END
