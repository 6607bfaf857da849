#pragma once
// A number per head of each token on a GPU: a warp per head. As launch/dot_heads.hpp.

#include <tenon/kernels/launch/dot_heads.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>

TENON_KERNELS_BEGIN

/// Grid: x = tokens.
template <class Leaf>
struct dot_heads_body {
  static constexpr int threads = 128;
  const float *x, *by;
  float* out;
  index_t x_token, x_head, out_token;
  int heads, dim;
  float factor;

  TENON_BOTH void operator()() const {
    constexpr int warps = threads / Leaf::lanes;
    const int lane = Leaf::thread() % Leaf::lanes;
    for (int head = Leaf::thread() / Leaf::lanes; head < heads; head += warps) {
      const float* const row = x + Leaf::block_x() * x_token + head * x_head;
      float sum = 0;
      for (int d = lane; d < dim; d += Leaf::lanes) sum += Leaf::load(row + d) * Leaf::load(by + head * dim + d);
      for (int mask = Leaf::lanes / 2; mask > 0; mask /= 2) sum += Leaf::shuffle_xor(sum, mask);
      if (lane == 0) Leaf::store(out + Leaf::block_x() * out_token + head, sum * factor);
    }
  }
};

/// As on a processor, over memory of the machine.
template <device_machine Machine>
void dot_heads(const Machine& machine, view<const float, 3> x, const float* by, float factor, view<float, 2> out) {
  kernel_detail::check_dot_heads(x, out);
  if (x.extent[0] == 0 || x.extent[1] == 0) return;
  kernel_detail::launch(machine, static_cast<int>(x.extent[0]), 1,
                        dot_heads_body<typename Machine::leaf>{x.data, by, out.data, x.stride[0], x.stride[1], out.stride[0], static_cast<int>(x.extent[1]), static_cast<int>(x.extent[2]), factor});
}

TENON_KERNELS_END
