#pragma once
// The gate between the products of a feed-forward, as a kernel of its own: out[t, i] = open(gate[t, i], up[t, i]).
// Moves 12 bytes per value. (Fused into the products: gated_matmul.) Reference: kernels/reference/gate.hpp.

#include <tenon/kernels/launch/norm.hpp>
#include <tenon/policies/gate.hpp>

TENON_KERNELS_BEGIN

/// Opens `up` by `gate`. gate, up, out: [token, hidden], last stride 1; `out` may be `gate` or `up`.
template <class Machine, gate_like Gate>
void open_gate(const Machine& machine, const Gate& how, view<const float, 2> gate, view<const float, 2> up, view<float, 2> out) {
  kernel_detail::check_rows("open_gate", gate.extent, gate.stride[1], out.extent, out.stride[1]);
  kernel_detail::check_rows("open_gate", up.extent, up.stride[1], out.extent, out.stride[1]);
  const Gate opening = how;  // a local copy: no store through `out` can change it
  for_rows(machine, out.extent[0], 4 * out.extent[1], [&](index first, index last) {
    for (index t = first; t < last; ++t) {
      const float *g = gate.data + t * gate.stride[0], *u = up.data + t * up.stride[0];
      float* o = out.data + t * out.stride[0];
      for_values(out.extent[1], [&](index i) TENON_LAMBDA { o[i] = opening.open(g[i], u[i]); });
    }
  });
}

TENON_KERNELS_END
