#pragma once
// Gates as kernels of their own: between the products of a feed-forward, out[t, i] = open(gate[t, i], up[t, i]), and on the heads
// of attention, x[t, h, i] = open(gate[t, h], x[t, h, i]).
// Moves 12 bytes per value, 8 with a gate per head. (Fused into the products: gated_matmul.) Reference: kernels/reference/gate.hpp.

#include <tenon/kernels/launch/norm.hpp>
#include <tenon/policies/gate.hpp>

TENON_KERNELS_BEGIN

/// Opens `up` by `gate`. gate, up, out: [token, hidden], last stride 1; `out` may be `gate` or `up`.
template <class Machine, gate_like Gate>
void open_gate(const Machine& machine, const Gate& how, view<const float, 2> gate, view<const float, 2> up, view<float, 2> out) {
  kernel_detail::check_rows("open_gate", gate.extent, gate.stride[1], out.extent, out.stride[1]);
  kernel_detail::check_rows("open_gate", up.extent, up.stride[1], out.extent, out.stride[1]);
  const Gate opening = how;  // a local copy: no store through `out` can change it
  for_rows(machine, out.extent[0], 4 * out.extent[1], [&](index_t first, index_t last) {
    for (index_t t = first; t < last; ++t) {
      const float *g = gate.data + t * gate.stride[0], *u = up.data + t * up.stride[0];
      float* o = out.data + t * out.stride[0];
      for_values(out.extent[1], [&](index_t i) TENON_LAMBDA { o[i] = opening.open(g[i], u[i]); });
    }
  });
}

namespace kernel_detail {
inline void check_heads_opened(const view<const float, 2>& gate, const view<const float, 3>& x) {
  if (gate.extent[0] != x.extent[0] || gate.extent[1] != x.extent[1] || x.stride[2] != 1)
    throw error("[gate] of open_heads must be [", x.extent[0], ", ", x.extent[1], "] and x dense in its last axis. Fix: one gate per token and head.");
}
}  // namespace kernel_detail

/// Opens each head of x [token, head, dim] by one number of gate [token, head], in place. Last strides are 1.
template <class Machine, gate_like Gate>
void open_heads(const Machine& machine, const Gate& how, view<const float, 2> gate, view<float, 3> x) {
  kernel_detail::check_heads_opened(gate, x);
  const Gate opening = how;
  for_rows(machine, x.extent[0], 2 * x.extent[1] * x.extent[2], [&](index_t first, index_t last) {
    for (index_t t = first; t < last; ++t)
      for (index_t h = 0; h < x.extent[1]; ++h) {
        const float g = gate(t, h);
        float* head = x.data + t * x.stride[0] + h * x.stride[1];
        for_values(x.extent[2], [&](index_t i) TENON_LAMBDA { head[i] = opening.open(g, head[i]); });
      }
  });
}

TENON_KERNELS_END
