#pragma once
// int8 activations with one scale per token on a GPU, as int8 products take them: a block per token, which it reads twice, the second time from
// cache. Moves 5 bytes per value. Reference: kernels/reference/quantise.hpp.
//
// The largest of a row is known only after all of it, so this is a kernel behind a product and no epilogue of its tiles. A scale per 32 values of a
// token, which a tile does know, is what processors multiply by (shared/activation.hpp), who scale each 32 of the depth in float. A GPU's int8
// product adds whole numbers along all of the depth, exact in any order, and scales once: it could not read such a scale.

#include <cstdint>

#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/limits.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// Bytes of a row of int8: whole 16.
constexpr index_t quantised_stride(index_t width) { return (width + 15) / 16 * 16; }

/// Grid: x = tokens.
template <class Leaf>
struct quantise_body {
  static constexpr int threads = 256, shared_bytes = reduction_bytes<Leaf, threads>;
  kernel_detail::device_floats<const float> x;  ///< [token, width]
  std::int8_t* out;                             ///< [token, stride], zeros beyond the width; aligned to 16 bytes
  float* scales;                                ///< [token]
  int width, stride;

  TENON_BOTH TENON_INLINE void operator()() const {
    const index_t token = Leaf::block_x();
    const float* const row = x.data + token * x.stride;
    std::uint32_t peak = 0;  // magnitudes order as their bits do, NaN above all
    for (int i = 4 * Leaf::thread(); i < width; i += 4 * threads) {
      float value[4];
      load_four<Leaf>(row + i, x.wide, width - i, value);
      for (const float v : value) peak = larger(peak, bit_cast<std::uint32_t>(v) & 0x7fffffffu);
    }
    peak = reduce_block<Leaf, threads>(peak, [](std::uint32_t a, std::uint32_t b) TENON_LAMBDA { return larger(a, b); });
    const bool finite = peak < 0x7f800000u, tiny = peak < 0x08800000u;  // 2^-110
    const float amax = bit_cast<float>(peak), by = finite && !tiny ? 127.0f / amax : 0.0f;
    if (Leaf::thread() == 0) Leaf::store(scales + token, !finite ? bit_cast<float>(0x7fc00000u) : tiny ? 1.0f : amax / 127.0f);
    for (int i = 16 * Leaf::thread(); i < stride; i += 16 * threads) {
      bits128 quanta{};
      for (int w = 0; w < 4; ++w) {
        float value[4];
        load_four<Leaf>(row + i + 4 * w, x.wide, width - i - 4 * w, value);
        for (int e = 0; e < 4; ++e) quanta.word[w] |= (static_cast<std::uint32_t>(finite ? static_cast<int>(__builtin_rintf(value[e] * by)) : 0) & 0xffu) << (8 * e);
      }
      Leaf::store(reinterpret_cast<bits128*>(out + token * stride + i), quanta);
    }
  }

 private:
  TENON_BOTH TENON_INLINE static constexpr std::uint32_t larger(std::uint32_t a, std::uint32_t b) { return a > b ? a : b; }
};

/// out: [token, quantised_stride(width)], aligned to 16 bytes; scales: [token]. The sums of an int8 product times the scales of both sides are the
/// product. Throws tenon::error for what is not aligned.
template <device_machine Machine>
void quantise(const Machine& machine, view<const float, 2> x, std::int8_t* out, float* scales) {
  if (x.extent[1] > 1 && x.stride[1] != 1) throw error("[quantise] needs rows of neighbouring values. Fix: pass a view whose last stride is 1.");
  if (reinterpret_cast<std::uintptr_t>(out) % 16 != 0) throw error("[quantise] out must begin at a multiple of 16 bytes. Fix: align it.");
  if (x.extent[0] == 0) return;
  using body = quantise_body<typename Machine::leaf>;
  kernel_detail::launch(machine, static_cast<int>(x.extent[0]), 1,
                        body{kernel_detail::device_floats<const float>(x), out, scales, static_cast<int>(x.extent[1]), static_cast<int>(quantised_stride(x.extent[1]))}, body::shared_bytes);
}

TENON_KERNELS_END
