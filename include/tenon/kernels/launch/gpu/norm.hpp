#pragma once
// Root-mean-square normalisation on a GPU: a block per token, which it reads twice, the second time from cache. As launch/norm.hpp, whose
// mathematics it shares; the sum of squares is taken in an order that only the width decides. Reference: kernels/reference/norm.hpp.

#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/norm.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// stream += addend, where there is one; out = stream * gain / rms(stream). Grid: x = tokens.
template <class Leaf>
struct rms_norm_body {
  static constexpr int threads = 256, shared_bytes = reduction_bytes<Leaf, threads>;
  kernel_detail::device_floats<const float> x, addend;  ///< [token, width]; addend may be null
  kernel_detail::device_floats<float> stream, out;      ///< stream is x where there is an addend, else null
  kernel_detail::device_floats<const float> gain;       ///< one row
  int width;
  float epsilon;

  TENON_BOTH TENON_INLINE void operator()() const {
    const index_t token = Leaf::block_x();
    float squares = 0;
    for (int i = 4 * Leaf::thread(); i < width; i += 4 * threads) {
      float value[4];
      load_four<Leaf>(x.data + token * x.stride + i, x.wide, width - i, value);
      if (addend.data != nullptr) {
        float more[4];
        load_four<Leaf>(addend.data + token * addend.stride + i, addend.wide, width - i, more);
        for (int e = 0; e < 4; ++e) value[e] += more[e];
        store_four<Leaf>(stream.data + token * stream.stride + i, stream.wide, width - i, value);
      }
      for (const float v : value) squares += v * v;
    }
    squares = reduce_block<Leaf, threads>(squares, [](float a, float b) TENON_LAMBDA { return a + b; });
    const float factor = 1.0f / __builtin_sqrtf(squares / static_cast<float>(width) + epsilon);
    for (int i = 4 * Leaf::thread(); i < width; i += 4 * threads) {  // each thread reads what it read, or wrote, before
      float value[4], by[4];
      load_four<Leaf>(x.data + token * x.stride + i, x.wide, width - i, value);
      load_four<Leaf>(gain.data + i, gain.wide, width - i, by);
      for (int e = 0; e < 4; ++e) value[e] *= factor * by[e];
      store_four<Leaf>(out.data + token * out.stride + i, out.wide, width - i, value);
    }
  }
};

namespace kernel_detail {
template <device_machine Machine>
void launch_norm(const Machine& machine, view<const float, 2> x, view<const float, 2> addend, view<float, 2> stream, const float* gain, float epsilon, view<float, 2> out) {
  if (x.extent[0] == 0) return;
  rms_norm_body<typename Machine::leaf> body;
  body.x = device_floats<const float>(x), body.addend = device_floats<const float>(addend);
  body.stream = device_floats<float>(stream), body.out = device_floats<float>(out);
  body.gain = device_floats<const float>(view<const float, 2>(gain, 1, x.extent[1]));
  body.gain.wide = reinterpret_cast<std::uintptr_t>(gain) % 16 == 0;
  body.width = static_cast<int>(x.extent[1]), body.epsilon = epsilon;
  launch(machine, static_cast<int>(x.extent[0]), 1, body, body.shared_bytes);
}
}  // namespace kernel_detail

/// As on a processor, over memory of the machine.
template <device_machine Machine>
void rms_norm(const Machine& machine, view<const float, 2> x, const float* gain, float epsilon, view<float, 2> out) {
  kernel_detail::check_rows("rms_norm", x.extent, x.stride[1], out.extent, out.stride[1]);
  kernel_detail::launch_norm(machine, x, {}, {}, gain, epsilon, out);
}
template <device_machine Machine>
void add_rms_norm(const Machine& machine, view<const float, 2> addend, view<float, 2> stream, const float* gain, float epsilon, view<float, 2> out) {
  kernel_detail::check_rows("add_rms_norm", stream.extent, stream.stride[1], out.extent, out.stride[1]);
  kernel_detail::check_rows("add_rms_norm", stream.extent, stream.stride[1], addend.extent, addend.stride[1]);
  kernel_detail::launch_norm(machine, stream, addend, stream, gain, epsilon, out);
}

TENON_KERNELS_END
