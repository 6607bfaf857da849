#pragma once
// Softmax over short rows, such as the weights of heads, in place: x = count softmax(x), so that weights that are all alike are 1.

#include <tenon/core/fault.hpp>
#include <tenon/core/math.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
inline void check_row_softmax(const view<float, 2>& x) {
  if (x.extent[1] > 1 && x.stride[1] != 1) throw error("[row_softmax] needs rows of neighbouring values. Fix: pass a view whose last stride is 1.");
}
}  // namespace kernel_detail

/// x: [row, count], last stride 1. Throws tenon::error for others.
template <class Machine>
void row_softmax(const Machine&, view<float, 2> x) {
  kernel_detail::check_row_softmax(x);
  const index_t count = x.extent[1];
  if (count == 0) return;
  for (index_t row = 0; row < x.extent[0]; ++row) {
    float* const at = x.data + row * x.stride[0];
    float top = at[0], total = 0;
    for (index_t i = 1; i < count; ++i) top = at[i] > top ? at[i] : top;
    for (index_t i = 0; i < count; ++i) total += at[i] = exp(at[i] - top);
    for (index_t i = 0; i < count; ++i) at[i] *= static_cast<float>(count) / total;
  }
}

TENON_KERNELS_END
