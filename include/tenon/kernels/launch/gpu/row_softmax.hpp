#pragma once
// Softmax over short rows on a GPU, such as the weights of heads: a thread per row. Moves 16 bytes per value. As launch/row_softmax.hpp.

#include <tenon/core/math.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/row_softmax.hpp>

TENON_KERNELS_BEGIN

/// Grid: x = stretches of `threads` rows.
template <class Leaf>
struct row_softmax_body {
  static constexpr int threads = 64;
  float* x;
  index_t stride;
  int rows, count;

  TENON_BOTH void operator()() const {
    const int row = Leaf::block_x() * threads + Leaf::thread();
    if (row >= rows) return;
    float* const at = x + row * stride;
    float top = Leaf::load(at), total = 0;
    for (int i = 1; i < count; ++i) top = Leaf::load(at + i) > top ? Leaf::load(at + i) : top;
    for (int i = 0; i < count; ++i) total += exp(Leaf::load(at + i) - top);
    for (int i = 0; i < count; ++i) Leaf::store(at + i, exp(Leaf::load(at + i) - top) * (static_cast<float>(count) / total));
  }
};
/// As on a processor, over memory of the machine.
template <device_machine Machine>
void row_softmax(const Machine& machine, view<float, 2> x) {
  using body = row_softmax_body<typename Machine::leaf>;
  kernel_detail::check_row_softmax(x);
  if (x.size() == 0) return;
  kernel_detail::launch(machine, static_cast<int>(kernel_detail::tiles(x.extent[0], body::threads)), 1, body{x.data, x.stride[0], static_cast<int>(x.extent[0]), static_cast<int>(x.extent[1])});
}

TENON_KERNELS_END
