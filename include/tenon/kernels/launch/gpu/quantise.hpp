#pragma once
// Activations of 8 bits, int8 or e4m3, with one scale for each 128 values of a token, on a GPU: of floats that no product makes, a norm's, say. A lane holds four
// values, 32 lanes what shares a scale. Moves 5 bytes per value. Behind a product the same is an epilogue (quantising_sink). Reference: kernels/reference/quantise.hpp.

#include <cstdint>

#include <tenon/core/fault.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/device_block.hpp>
#include <tenon/kernels/shared/quantised.hpp>

TENON_KERNELS_BEGIN

/// Grid: x = tokens, y = stretches of 4 * threads values.
template <class Leaf, class Number = std::int8_t>
struct quantise_body {
  static constexpr int threads = 256;
  kernel_detail::device_floats<const float> x;  ///< [token, width]
  quantised_out<Leaf, Number> out;
  int width;

  TENON_BOTH TENON_INLINE void operator()() const {
    const int token = Leaf::block_x(), first = (Leaf::block_y() * threads + Leaf::thread()) * 4;
    float value[4] = {};
    if (first < width) load_four<Leaf>(x.data + token * x.stride + first, x.wide, width - first, value);
    out.store_together(token, first, value);
  }
};

/// out: [token, quantised_stride(width)] of int8 or e4m3, aligned to 16 bytes; scales: [scales_of(width), token]. Throws tenon::error for what is not aligned.
template <device_machine Machine, class Number>
void quantise(const Machine& machine, view<const float, 2> x, Number* out, float* scales) {
  const int tokens = static_cast<int>(x.extent[0]), width = static_cast<int>(x.extent[1]);
  if (width > 1 && x.stride[1] != 1) throw error("[quantise] needs rows of neighbouring values. Fix: pass a view whose last stride is 1.");
  if (reinterpret_cast<std::uintptr_t>(out) % 16 != 0) throw error("[quantise] out must begin at a multiple of 16 bytes. Fix: align it.");
  if (x.size() == 0) return;
  using body = quantise_body<typename Machine::leaf, Number>;
  const index_t stride = quantised_stride(width);
  kernel_detail::launch(machine, tokens, kernel_detail::tiles(width, 4 * body::threads),
                        body{kernel_detail::device_floats<const float>(x), {out, scales, stride, tokens, tokens, static_cast<int>(stride)}, width});
}

TENON_KERNELS_END
