#pragma once
// The ends of a decoding step on a GPU: the most probable token, and the k largest logits, with which the host goes on sampling without
// reading the others. A block per row of logits, which it reads once, or some 34 times from cache. Reference: std::max_element, std::sort.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/choice.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// out[row] = the first of the largest logits [row, count], or why there is none (shared/choice.hpp). Grid: x = rows.
template <class Leaf>
struct argmax_body {
  static constexpr int threads = 512, one = reduction_bytes<Leaf, threads>, shared_bytes = 2 * one;
  kernel_detail::device_floats<const float> logits;
  int count;
  std::int32_t* out;

  TENON_BOTH void operator()() const {
    constexpr float infinity = __builtin_inff();
    const index_t row = Leaf::block_x();
    float top = -infinity;
    std::uint32_t at = ~0u;
    bool damaged = false;
    for (int i = 4 * Leaf::thread(); i < count; i += 4 * threads) {
      float four[4];
      load_four<Leaf>(logits.data + row * logits.stride + i, logits.wide, count - i, four);
      for (int e = 0; e < 4; ++e) {
        if (i + e >= count) continue;
        damaged |= !(four[e] < infinity);
        if (four[e] > top) top = four[e], at = static_cast<std::uint32_t>(i + e) + 1;
      }
    }
    const float most = reduce_block<Leaf, threads>(top, [](float a, float b) TENON_LAMBDA { return a > b ? a : b; });
    const std::uint32_t first = damaged ? 0u : top == most ? at : ~0u;
    const std::uint32_t found = reduce_block<Leaf, threads>(first, [](std::uint32_t a, std::uint32_t b) TENON_LAMBDA { return a < b ? a : b; }, one);
    if (Leaf::thread() == 0) Leaf::store(out + row, found == 0 ? damaged_logits : found == ~0u ? forbidden_logits : static_cast<std::int32_t>(found) - 1);
  }
};

/// The k largest logits of each row, and among equal ones the first, in order of their tokens: tokens [row, k], values [row, k]. Where a row has
/// a NaN or +infinity, its first token is damaged_logits. Grid: x = rows.
template <class Leaf>
struct largest_body {
  static constexpr int threads = 512, one = reduction_bytes<Leaf, threads>, shared_bytes = 2 * one;
  const float* logits;
  index_t stride;
  int count, k;  ///< 1 <= k <= count
  std::int32_t* tokens;
  float* values;

  TENON_BOTH void operator()() const {
    const float* const row = logits + Leaf::block_x() * stride;
    // The k-th largest key, bit by bit: the greatest `least` that k keys reach.
    std::uint32_t least = 0, damaged = 0;
    const auto add = [](std::uint32_t a, std::uint32_t b) TENON_LAMBDA { return a + b; };
    for (int bit = 31; bit >= 0; --bit) {
      const std::uint32_t asked = least | 1u << bit;
      std::uint32_t reach = 0;
      for (int i = Leaf::thread(); i < count; i += threads) {
        const std::uint32_t key = key_of(Leaf::load(row + i));
        reach += key >= asked ? 1 : 0;
        damaged |= key >= key_of(__builtin_inff()) ? 1 : 0;
      }
      if (reduce_block<Leaf, threads>(reach, add, bit % 2 * one) >= static_cast<std::uint32_t>(k)) least = asked;
    }
    // All greater ones are taken, and as many of the equal ones as there is room for. Both are counted at once, in halves of 16 bits.
    std::uint32_t greater = 0;
    for (int i = Leaf::thread(); i < count; i += threads) greater += key_of(Leaf::load(row + i)) > least ? 1 : 0;
    greater = reduce_block<Leaf, threads>(greater, add, one);
    const bool bad = reduce_block<Leaf, threads>(damaged, add, 0) != 0;
    const std::uint32_t room = static_cast<std::uint32_t>(k) - greater;
    std::uint32_t taken = 0, equal = 0;
    for (int first = 0, turn = 1; first < count; first += threads, ++turn) {
      const int i = first + Leaf::thread();
      const float value = i < count ? Leaf::load(row + i) : 0.0f;
      const std::uint32_t key = i < count ? key_of(value) : 0;
      const bool is_greater = i < count && key > least, is_equal = i < count && key == least;
      std::uint32_t all = 0;
      const std::uint32_t before = sum_before<Leaf, threads>((is_greater ? 1u : 0u) | (is_equal ? 0x10000u : 0u), all, turn % 2 * one);
      const std::uint32_t equal_before = equal + (before >> 16), among = equal_before < room ? equal_before : room;
      if (is_greater || (is_equal && equal_before < room)) {
        const index_t to = Leaf::block_x() * index_t{k} + taken + (before & 0xffffu) + among;
        Leaf::store(tokens + to, bad && to % k == 0 ? damaged_logits : static_cast<std::int32_t>(i));
        Leaf::store(values + to, value);
      }
      taken += all & 0xffffu, equal += all >> 16;
    }
  }

 private:
  // Floats in order as unsigned numbers; NaN beyond +infinity, whatever its sign, and -0 as 0.
  TENON_BOTH TENON_INLINE static std::uint32_t key_of(float value) {
    const auto bits = bit_cast<std::uint32_t>(value == 0 ? 0.0f : value);
    if (value != value) return ~0u;
    return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  }
};

/// tokens [row] = the most probable token of each row of logits [row, vocabulary]; in memory of the machine.
template <device_machine Machine>
void argmax(const Machine& machine, view<const float, 2> logits, std::int32_t* tokens) {
  using body = argmax_body<typename Machine::leaf>;
  if (logits.extent[1] < 1 || logits.stride[1] != 1) throw error("[logits] of argmax must be rows of at least one neighbouring value. Fix: pass a view [row, vocabulary].");
  if (logits.extent[0] == 0) return;
  kernel_detail::launch(machine, static_cast<int>(logits.extent[0]), 1, body{kernel_detail::device_floats<const float>(logits), static_cast<int>(logits.extent[1]), tokens}, body::shared_bytes);
}

/// tokens and values [row, k] = the k largest of each row of logits [row, vocabulary], in order of the tokens; in memory of the machine.
template <device_machine Machine>
void largest(const Machine& machine, view<const float, 2> logits, int k, std::int32_t* tokens, float* values) {
  using body = largest_body<typename Machine::leaf>;
  if (logits.stride[1] != 1) throw error("[logits] of largest must be rows of neighbouring values. Fix: pass a view [row, vocabulary].");
  if (k < 1 || k > logits.extent[1]) throw error("[k] of largest is ", k, ": a row has ", logits.extent[1], " logits. Fix: 1 to that many.");
  if (logits.extent[0] == 0) return;
  kernel_detail::launch(machine, static_cast<int>(logits.extent[0]), 1, body{logits.data, logits.stride[0], static_cast<int>(logits.extent[1]), k, tokens, values}, body::shared_bytes);
}

TENON_KERNELS_END
