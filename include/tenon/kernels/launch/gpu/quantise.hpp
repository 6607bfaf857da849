#pragma once
// Activations of 8 bits, int8 or e4m3, with one scale per token on a GPU, as products of such numbers take them: a block per token, which it reads twice, the
// second time from cache. Moves 5 bytes per value. Reference: kernels/reference/quantise.hpp.
//
// The largest of a row is known only after all of it, so this is a kernel behind a product and no epilogue of its tiles. A scale per 32 values of a
// token, which a tile does know, is what processors multiply by (shared/activation.hpp), who scale each 32 of the depth in float. A GPU's int8
// product adds whole numbers along all of the depth, exact in any order, and scales once: it could not read such a scale.

#include <cstdint>
#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/fault.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// Bytes of a row of numbers of 8 bits: whole 16.
constexpr index_t quantised_stride(index_t width) { return (width + 15) / 16 * 16; }

/// How one row of floats becomes Number, int8 or e4m3.
template <class Number>
struct row_scale {
  static constexpr float largest = std::is_same_v<Number, e4m3> ? 448.0f : 127.0f;
  bool finite;
  float by, scale;

  /// peak: the bits of the largest magnitude, which order as it does, NaN above all.
  TENON_BOTH TENON_INLINE constexpr explicit row_scale(std::uint32_t peak) : finite(peak < 0x7f800000u), by(0), scale(1) {
    const float amax = bit_cast<float>(peak);
    if (!finite)
      scale = bit_cast<float>(0x7fc00000u);
    else if (peak >= 0x08800000u)  // 2^-110
      by = largest / amax, scale = amax / largest;
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

/// Grid: x = tokens.
template <class Leaf, class Number = std::int8_t>
struct quantise_body {
  static constexpr int threads = 256, shared_bytes = reduction_bytes<Leaf, threads>;
  kernel_detail::device_floats<const float> x;  ///< [token, width]
  Number* out;                                  ///< [token, stride], zeros beyond the width; aligned to 16 bytes
  float* scales;                                ///< [token]
  int width, stride;

  TENON_BOTH TENON_INLINE void operator()() const {
    const index_t token = Leaf::block_x();
    const float* const row = x.data + token * x.stride;
    std::uint32_t peak = 0;
    for (int i = 4 * Leaf::thread(); i < width; i += 4 * threads) {
      float value[4];
      load_four<Leaf>(row + i, x.wide, width - i, value);
      for (const float v : value) peak = larger(peak, bit_cast<std::uint32_t>(v) & 0x7fffffffu);
    }
    peak = reduce_block<Leaf, threads>(peak, [](std::uint32_t a, std::uint32_t b) TENON_LAMBDA { return larger(a, b); });
    const row_scale<Number> of(peak);
    if (Leaf::thread() == 0) Leaf::store(scales + token, of.scale);
    for (int i = 16 * Leaf::thread(); i < stride; i += 16 * threads) {
      bits128 quanta{};
      for (int w = 0; w < 4; ++w) {
        float value[4];
        load_four<Leaf>(row + i + 4 * w, x.wide, width - i - 4 * w, value);
        for (int e = 0; e < 4; ++e) quanta.word[w] |= of.bits(value[e]) << (8 * e);
      }
      Leaf::store(reinterpret_cast<bits128*>(out + token * stride + i), quanta);
    }
  }

 private:
  TENON_BOTH TENON_INLINE static constexpr std::uint32_t larger(std::uint32_t a, std::uint32_t b) { return a > b ? a : b; }
};

/// out: [token, quantised_stride(width)] of int8 or e4m3, aligned to 16 bytes; scales: [token]. The sums of a product of these times the scales of both sides
/// are the product. Throws tenon::error for what is not aligned.
template <device_machine Machine, class Number>
void quantise(const Machine& machine, view<const float, 2> x, Number* out, float* scales) {
  if (x.extent[1] > 1 && x.stride[1] != 1) throw error("[quantise] needs rows of neighbouring values. Fix: pass a view whose last stride is 1.");
  if (reinterpret_cast<std::uintptr_t>(out) % 16 != 0) throw error("[quantise] out must begin at a multiple of 16 bytes. Fix: align it.");
  if (x.extent[0] == 0) return;
  using body = quantise_body<typename Machine::leaf, Number>;
  kernel_detail::launch(machine, static_cast<int>(x.extent[0]), 1,
                        body{kernel_detail::device_floats<const float>(x), out, scales, static_cast<int>(x.extent[1]), static_cast<int>(quantised_stride(x.extent[1]))}, body::shared_bytes);
}

TENON_KERNELS_END
