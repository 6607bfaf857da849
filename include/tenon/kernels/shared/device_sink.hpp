#pragma once
// Where the sums of a product go on a GPU: with a bias, onto a residual or through a gate, in the number that is stored.

#include <cstdint>
#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_number.hpp>

TENON_KERNELS_BEGIN

/// How a sum meets what was there before it, unless a gate says so: open(previous, sum).
struct added {
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T open(T previous, T sum) const {
    return previous + sum;
  }
};

/// out [token, row] = open(previous[token, row], sum + bias[row]) by `Join`: `added` or a gate. bias and previous may be null, then there is
/// none; Out: float, bf16 or f16. The first elements of out and previous are aligned to four elements. out is null where another sink asks for results.
template <class Leaf, class Out, class Join = added>
struct device_sink {
  static constexpr bool by_rows = false;  ///< whether it wants 128 neighbours of a token at once
  using bits = std::conditional_t<sizeof(Out) == 4, std::uint32_t, std::uint16_t>;  // of one number
  using four = std::conditional_t<sizeof(Out) == 4, bits128, bits64>;

  Out* out;
  const float* bias;
  const Out* previous;
  int tokens, rows;  ///< of out
  index_t out_stride, previous_stride;
  Join join;

  /// What lies from (token, row) on. The row is a multiple of 4.
  TENON_BOTH TENON_INLINE device_sink from(int token, int row) const {
    return {out == nullptr ? nullptr : out + token * out_stride + row, bias == nullptr ? nullptr : bias + row, previous == nullptr ? nullptr : previous + token * previous_stride + row,
            tokens - token, rows - row, out_stride, previous_stride, join};
  }
  /// What the sum of a gate makes of that which it opens, in row `row`.
  TENON_BOTH TENON_INLINE float open(int, float first, float second) const { return opened(first, second); }

  TENON_BOTH TENON_INLINE int row_count() const { return rows; }
  /// The bias of rows `row` to `row` + 3; 0 where there is none.
  TENON_BOTH TENON_INLINE void bias_of(int row, float (&to)[4]) const {
    for (int e = 0; e < 4; ++e) to[e] = bias != nullptr && row + e < rows ? Leaf::load(bias + row + e) : 0.0f;
  }
  /// What becomes of sums of rows `row` to `row` + 3, a multiple of 4, of one token; there are both.
  TENON_BOTH TENON_INLINE void results(int token, int row, const bits128& sums, const float (&with)[4], float (&value)[4]) const {
    const bool whole = is_whole(row);
    for (int e = 0; e < 4; ++e) value[e] = bit_cast<float>(sums.word[e]) + with[e];
    if (previous != nullptr) {
      const Out* at = previous + token * previous_stride + row;
      if (whole) {
        const four before = Leaf::load(reinterpret_cast<const four*>(at));
        for (int e = 0; e < 4; ++e) value[e] = opened(number(part(before, e)), value[e]);
      } else {
        for (int e = 0; e < 4; ++e)
          if (row + e < rows) value[e] = opened(number(Leaf::load(reinterpret_cast<const bits*>(at + e))), value[e]);
      }
    }
  }
  /// Stores them.
  TENON_BOTH TENON_INLINE void store(int token, int row, const bits128& sums, const float (&with)[4]) const {
    if (token >= tokens || row >= rows) return;
    float value[4];
    results(token, row, sums, with, value);
    Out* const to = out + token * out_stride + row;
    const four packed = pack(value);
    if (is_whole(row))
      Leaf::store(reinterpret_cast<four*>(to), packed);
    else
      for (int e = 0; e < 4; ++e)
        if (row + e < rows) Leaf::store(reinterpret_cast<bits*>(to + e), part(packed, e));
  }

 private:
  TENON_BOTH TENON_INLINE float opened(float first, float second) const { return join.open(device_number<Leaf>(first), device_number<Leaf>(second)).value; }
  TENON_BOTH TENON_INLINE bool is_whole(int row) const { return row + 4 <= rows && (out_stride | previous_stride) % 4 == 0; }
  static constexpr int per_word = 4 / static_cast<int>(sizeof(Out));

  TENON_BOTH TENON_INLINE static float number(std::uint32_t bits_of) { return bit_cast<float>(bits_of); }
  TENON_BOTH TENON_INLINE static float number(std::uint16_t bits_of) { return static_cast<float>(Out::from_bits(bits_of)); }
  TENON_BOTH TENON_INLINE static bits part(const four& of, int e) { return static_cast<bits>(of.word[e / per_word] >> (e % per_word * 16)); }
  TENON_BOTH TENON_INLINE static four pack(const float (&value)[4]) {
    if constexpr (sizeof(Out) == 4)
      return {{bit_cast<std::uint32_t>(value[0]), bit_cast<std::uint32_t>(value[1]), bit_cast<std::uint32_t>(value[2]), bit_cast<std::uint32_t>(value[3])}};
    else
      return {{Leaf::template pack<Out>(value[0], value[1]), Leaf::template pack<Out>(value[2], value[3])}};
  }
};

TENON_KERNELS_END
