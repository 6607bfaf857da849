#pragma once
// Activations of 8 bits as products on GPUs take them: int8 or e4m3, one scale for each 128 neighbours of a token (DeepSeek-V3, arXiv 2412.19437, 3.3.2).
// A kernel makes them of floats (launch/gpu/quantise.hpp), or a product of its own sums, whose tiles hold 128 rows of a token. Either way 32 lanes hold the
// 128 values, four each, or what else finds their peak, so that both write the same bytes. Reference: kernels/reference/quantise.hpp.

#include <cstdint>
#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN

/// Neighbours of a token that share a scale.
inline constexpr int values_per_scale = 128;

/// Scales of a token.
template <class Int>
TENON_BOTH constexpr Int scales_of(Int width) {
  return (width + values_per_scale - 1) / values_per_scale;
}
/// Bytes of a row of numbers of 8 bits: whole 16.
TENON_BOTH constexpr index_t quantised_stride(index_t width) { return (width + 15) / 16 * 16; }

/// The scales of x as a tile of a product reads them, from its first token on: one for each 128 of the depth, `stride` apart, of `tokens` tokens.
struct token_scales {
  const float* first = nullptr;
  index_t stride = 0;
  int tokens = 0;

  /// That of a token at depth k. A token past the last has that of the last.
  template <class Leaf>
  TENON_BOTH TENON_INLINE float load(int token, int k) const {
    return Leaf::load(first + k / values_per_scale * stride + (token < tokens ? token : tokens - 1));
  }
};

/// How floats that share a scale become Number, int8 or e4m3.
template <class Number>
struct shared_scale {
  static constexpr float largest = std::is_same_v<Number, e4m3> ? 448.0f : 127.0f;
  bool finite;  ///< whether all of them are; else the numbers are 0 and the scale NaN
  float by;     ///< what each is multiplied by, largest / peak; 0 where the peak is under 2^-110
  float scale;  ///< what a number stands for, peak / largest; 1 there

  /// peak: the bits of the largest magnitude, which order as it does, NaN above all.
  TENON_BOTH TENON_INLINE constexpr explicit shared_scale(std::uint32_t peak) : finite(peak < 0x7f800000u), by(0), scale(1) {
    const float amax = bit_cast<float>(peak);
    if (!finite)
      scale = bit_cast<float>(0x7fc00000u);
    else if (peak >= 0x08800000u)  // 2^-110
      by = largest / amax, scale = amax / largest;
  }
  /// That of activations. Of e4m3 it is at least 1e-4 / 448.
  TENON_BOTH TENON_INLINE static constexpr shared_scale of_activations(std::uint32_t peak) {
    if constexpr (std::is_same_v<Number, e4m3>) peak = larger(peak, bit_cast<std::uint32_t>(1e-4f));
    return shared_scale(peak);
  }
  TENON_BOTH TENON_INLINE static constexpr std::uint32_t larger(std::uint32_t a, std::uint32_t b) { return a > b ? a : b; }
  /// The larger of `peak` and the magnitudes of four.
  TENON_BOTH TENON_INLINE static constexpr std::uint32_t peak_of(const float (&value)[4], std::uint32_t peak = 0) {
    for (const float v : value) peak = larger(peak, bit_cast<std::uint32_t>(v) & 0x7fffffffu);
    return peak;
  }
  /// The number, in the low bits.
  TENON_BOTH TENON_INLINE std::uint32_t bits(float value) const {
    if (!finite) return 0;
    if constexpr (std::is_same_v<Number, e4m3>)
      return e4m3(value * by).bits;
    else
      return static_cast<std::uint32_t>(static_cast<int>(__builtin_rintf(value * by))) & 0xffu;
  }
};

/// Where such numbers go: numbers [token, stride], aligned to 16 bytes, zeros beyond the width; scales [group, scale_stride], one for each token.
template <class Leaf, class Number>
struct quantised_out {
  using scale_type = shared_scale<Number>;
  Number* numbers;
  float* scales;
  index_t stride, scale_stride;
  int tokens, columns;  ///< that are there; columns: with those beyond the width

  /// What lies from (token, column) on; the column is a multiple of 128.
  TENON_BOTH TENON_INLINE quantised_out from(int token, int column) const {
    return {numbers + token * stride + column, scales + column / values_per_scale * scale_stride + token, stride, scale_stride, tokens - token, columns - column};
  }
  /// Four neighbours of a token, 0 where the width has ended.
  TENON_BOTH TENON_INLINE void store(int token, int column, const float (&value)[4], const scale_type& by) const {
    if (token >= tokens || column >= columns) return;
    std::uint32_t four = 0;
    TENON_UNROLL for (int e = 0; e < 4; ++e) four |= by.bits(value[e]) << (8 * e);
    Leaf::store(reinterpret_cast<std::uint32_t*>(numbers + token * stride + column), four);
    if (column % values_per_scale == 0) Leaf::store(scales + column / values_per_scale * scale_stride + token, by.scale);
  }
  /// The same of 32 neighbouring lanes, which hold 128 of a token. Reached by all lanes.
  TENON_BOTH TENON_INLINE void store_together(int token, int column, const float (&value)[4]) const {
    std::uint32_t peak = scale_type::peak_of(value);
    for (int mask = 16; mask > 0; mask /= 2) peak = scale_type::larger(peak, Leaf::shuffle_xor(peak, mask));
    store(token, column, value, scale_type::of_activations(peak));
  }
};

/// A sink whose results become such numbers, with what `to` makes of sums. Its words hand over 128 neighbours of a token at once.
template <class Leaf, class Number, class Sink>
struct quantising_sink {
  static constexpr bool by_rows = true;
  using scale_type = shared_scale<Number>;
  Sink to;
  quantised_out<Leaf, Number> out;

  TENON_BOTH TENON_INLINE void bias_of(int row, float (&bias)[4]) const { to.bias_of(row, bias); }
  TENON_BOTH TENON_INLINE float open(int row, float first, float second) const { return to.open(row, first, second); }
  /// The results of rows `row` to `row` + 3 of one token, zeros where there are none.
  TENON_BOTH TENON_INLINE void results(int token, int row, const bits128& sums, const float (&bias)[4], float (&value)[4]) const {
    const int rows = token < out.tokens ? to.row_count() - row : 0;
    if (rows > 0) to.results(token, row, sums, bias, value);
    TENON_UNROLL for (int e = 0; e < 4; ++e) value[e] = e < rows ? value[e] : 0.0f;
  }
  /// By 32 neighbouring lanes, which hold 128 rows of a token. Reached by all lanes.
  TENON_BOTH TENON_INLINE void store(int token, int row, const bits128& sums, const float (&bias)[4]) const {
    float value[4] = {};
    results(token, row, sums, bias, value);
    out.store_together(token, row, value);
  }
};

TENON_KERNELS_END
