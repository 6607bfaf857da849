#pragma once
// How the rows of x lie while they are multiplied: tiles of `Tokens` rows, so that every value that a microkernel broadcasts
// stands at a constant distance from one pointer. `arrange` fills one tile; rows and columns beyond x become zeros.

#include <bit>
#include <cstddef>
#include <cstdint>

#include <tenon/core/config.hpp>
#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace activation {

/// As they are: [depth][Tokens] floats.
struct plain {
  static constexpr std::size_t bytes(int tokens, index_t depth) {
    return static_cast<std::size_t>(depth) * static_cast<std::size_t>(tokens) * 4;
  }

  template <class L, int Tokens>
  TENON_INLINE static void arrange(const view<const float, 2>& x, index_t first, int count, index_t depth, std::byte* tile) {
    auto* to = reinterpret_cast<float*>(tile);
    constexpr index_t together = 16;  // values of every row before the next ones: whole cache lines are written
    for (index_t from = 0; from < depth; from += together)
      for (int row = 0; row < Tokens; ++row) {
        const index_t have = row < count ? x.extent[1] - from : 0, live = have < together ? have : together;
        float* at = to + from * Tokens + row;
        index_t k = 0;
        for (const float* values = have > 0 ? &x(first + row, from) : nullptr; k < live; ++k) at[k * Tokens] = values[k];
        for (; k < together; ++k) at[k * Tokens] = 0;
      }
  }
};

/// Rounded to bf16: [depth / 32][Tokens][32], the rows of a matrix register; its pairs are the operand of a dot product.
struct rounded {
  static constexpr std::size_t bytes(int tokens, index_t depth) {
    return static_cast<std::size_t>(depth) * static_cast<std::size_t>(tokens) * 2;
  }

  template <class L, int Tokens>
  TENON_INLINE static void arrange(const view<const float, 2>& x, index_t first, int count, index_t depth, std::byte* tile) {
    auto* to = reinterpret_cast<std::uint16_t*>(tile);
    for (int row = 0; row < Tokens; ++row) {
      const float* from = row < count ? &x(first + row, 0) : nullptr;
      for (index_t k = 0; k < depth; k += 16) {
        std::uint16_t* at = to + (k / 32 * Tokens + row) * 32 + k % 32;
        const index_t have = row < count ? x.extent[1] - k : 0;
        if (have >= 16) {
          L::store_bf16(at, L::load(from + k));
        } else {
          alignas(64) float rest[16] = {};
          for (index_t i = 0; i < have; ++i) rest[i] = from[k + i];
          L::store_bf16(at, L::load(rest));
        }
      }
    }
  }
};

/// 32 values of each of `Tokens` rows as integers with a scale per row: x = scale q. One byte each: q in [-127, 127], scale = amax / 127
/// of these values. Two: q = 128 high + low, high in [-127, 127], low in [-64, 63], scale = amax / 16256 of a stretch of values.
/// Values among which is an infinity or NaN have a NaN scale; those whose amax is below 2^-110 count as zeros.
template <int Tokens, int Bytes>
struct alignas(64) quantised_block {
  static constexpr float largest = Bytes == 1 ? 127.0f : 16256.0f;
  std::int8_t q[Bytes][Tokens][32];  ///< the high bytes come first
  float scale[Tokens];
  float total[Tokens];              ///< sum of q, times scale where a byte is all: what a minimum of the weights is multiplied by
  std::int32_t less_128[Tokens];    ///< -128 * sum of q: where integer sums start when quanta are offset by 128
  std::int32_t less_8[Tokens];      ///< -8 * sum of q
  std::int32_t less_32[2][Tokens];  ///< -32 * sum of q, of each half of the block
};

/// Quantised to one or two bytes: quantised_block<Tokens, Bytes> [depth / 32].
template <int Bytes>
struct quantised {
  /// Values that share a scale. 15 bits are enough for many: products then apply it once to their sum.
  static constexpr index_t stretch = Bytes == 1 ? 32 : 512;
  template <int Tokens>
  using block = quantised_block<Tokens, Bytes>;
  static constexpr std::size_t bytes(int tokens, index_t depth) {
    return static_cast<std::size_t>(depth / 32) * (tokens == 1 ? sizeof(block<1>) : sizeof(block<16>));
  }

  template <class L, int Tokens>
  TENON_INLINE static void arrange(const view<const float, 2>& x, index_t first, int count, index_t depth, std::byte* tile) {
    auto* blocks = reinterpret_cast<block<Tokens>*>(tile);
    for (int row = 0; row < Tokens; ++row)
      for (index_t k = 0; k < depth; k += stretch) {
        const index_t end = depth - k < stretch ? depth : k + stretch;
        std::uint32_t peak = 0;
        each_block(x, first + row, row < count, k, end, [&](const float* values, index_t) {
          const std::uint32_t here = L::peak_bits(L::load(values), L::load(values + 16));
          peak = here > peak ? here : peak;
        });
        each_block(x, first + row, row < count, k, end, [&](const float* values, index_t b) { quantise<L>(values, peak, row, blocks[b]); });
      }
  }

 private:
  // Calls f(32 values, block) for columns [from, to) of a row; zeros beyond x, or where there is no such row.
  template <class F>
  TENON_INLINE static void each_block(const view<const float, 2>& x, index_t row, bool there, index_t from, index_t to, F&& f) {
    for (index_t k = from; k < to; k += 32) {
      const index_t have = there ? x.extent[1] - k : 0;
      if (have >= 32) {
        f(&x(row, k), k / 32);
      } else {
        alignas(64) float rest[32] = {};
        for (index_t i = 0; i < have; ++i) rest[i] = x(row, k + i);
        f(rest, k / 32);
      }
    }
  }
  // `peak`: the bits of the greatest magnitude that shares the scale.
  template <class L, int Tokens>
  TENON_INLINE static void quantise(const float* x, std::uint32_t peak, int row, block<Tokens>& to) {
    const auto low = L::load(x), high = L::load(x + 16);
    const bool finite = peak < 0x7f800000u, tiny = peak < 0x08800000u;
    const float largest = std::bit_cast<float>(peak);
    const auto inverse = L::broadcast(finite && !tiny ? to.largest / largest : 0.0f);
    const auto zero = L::zero_ints();
    const auto first = finite ? L::round(L::mul(low, inverse)) : zero, second = finite ? L::round(L::mul(high, inverse)) : zero;
    if constexpr (Bytes == 1) {
      L::store_narrow(to.q[0][row], first);
      L::store_narrow(to.q[0][row] + 16, second);
    } else {
      const auto above = L::over_128(first), beyond = L::over_128(second);
      L::store_narrow(to.q[0][row], above);
      L::store_narrow(to.q[0][row] + 16, beyond);
      L::store_narrow(to.q[1][row], L::less_128_times(first, above));
      L::store_narrow(to.q[1][row] + 16, L::less_128_times(second, beyond));
    }
    const std::int32_t sums[2] = {L::sum(first), L::sum(second)};
    const std::int32_t sum = sums[0] + sums[1];
    to.scale[row] = finite ? (tiny ? 0.0f : largest / to.largest) : std::bit_cast<float>(0x7fc00000u);
    to.total[row] = (Bytes == 1 ? to.scale[row] : 1.0f) * static_cast<float>(sum);
    to.less_128[row] = -128 * sum;
    to.less_8[row] = -8 * sum;
    to.less_32[0][row] = -32 * sums[0];
    to.less_32[1][row] = -32 * sums[1];
  }
};

/// The bytes per activation of a quantised form, 0 of the others.
template <class Form>
inline constexpr int bytes_of = 0;
template <int Bytes>
inline constexpr int bytes_of<quantised<Bytes>> = Bytes;

}  // namespace activation
TENON_KERNELS_END
