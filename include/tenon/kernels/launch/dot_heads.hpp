#pragma once
// A number per head of each token: out[t, h] = factor x[t, h, :] . by[h, :], as 3D attention has of a task. Moves 4 bytes per value.

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/launch/machine_types.hpp>

TENON_KERNELS_BEGIN

/// x: [token, head, dim], dense in its last axis; by: [head, dim]; out: [token, head].
template <host_machine Machine>
void dot_heads(const Machine&, view<const float, 3> x, const float* by, float factor, view<float, 2> out) {
  const index_t dim = x.extent[2];
  for (index_t t = 0; t < x.extent[0]; ++t)
    for (index_t h = 0; h < x.extent[1]; ++h) {
      float sum = 0;
      for (index_t d = 0; d < dim; ++d) sum += x(t, h, d) * by[h * dim + d];
      out(t, h) = sum * factor;
    }
}

TENON_KERNELS_END
