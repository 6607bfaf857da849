#pragma once
// A number per head of each token: out[t, h] = factor x[t, h, :] . by[h, :], as 3D attention has of a task. Moves 4 bytes per value.

#include <tenon/core/fault.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/launch/machine_types.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
inline void check_dot_heads(const view<const float, 3>& x, const view<float, 2>& out) {
  if (out.extent[0] != x.extent[0] || out.extent[1] != x.extent[1])
    throw error("[dot_heads] out is [", out.extent[0], ", ", out.extent[1], "], but x has ", x.extent[0], " tokens of ", x.extent[1], " heads. Fix: pass out of [token, head].");
  if ((x.extent[2] > 1 && x.stride[2] != 1) || (out.extent[1] > 1 && out.stride[1] != 1))
    throw error("[dot_heads] needs heads of neighbouring values and results. Fix: pass views whose last stride is 1.");
}
}  // namespace kernel_detail

/// x: [token, head, dim] and out: [token, head], dense in their last axes; by: [head, dim]. Throws tenon::error for shapes that do not fit.
template <host_machine Machine>
void dot_heads(const Machine&, view<const float, 3> x, const float* by, float factor, view<float, 2> out) {
  kernel_detail::check_dot_heads(x, out);
  const index_t dim = x.extent[2];
  for (index_t t = 0; t < x.extent[0]; ++t)
    for (index_t h = 0; h < x.extent[1]; ++h) {
      float sum = 0;
      for (index_t d = 0; d < dim; ++d) sum += x(t, h, d) * by[h * dim + d];
      out(t, h) = sum * factor;
    }
}

TENON_KERNELS_END
