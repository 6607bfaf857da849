#pragma once
// out[token, row] = open(x . gate[row], x . up[row])               x [token, depth], gate and up [row, depth], out [token, row]
// Two products of one x whose sums meet in the cache: neither is ever written out. Reference: reference/matmul.hpp.

#include <tenon/kernels/skeletons/matmul.hpp>

TENON_KERNELS_BEGIN

/// Panels [first, last) of both matrices. Gate: `float open(float gate, float up)`. gate_sums and up_sums belong to this worker.
template <class Words, class Form, class Gate>
void gated_matmul_panels(const packed_matrix& gate, const packed_matrix& up, const arranged& x, const Gate& unit, const view<float, 2>& out,
                         index_t first, index_t last, float* gate_sums, float* up_sums, std::byte* unpacked) noexcept {
  each_group<Words, Form>(first, last, [&](index_t panel, index_t live) TENON_LAMBDA {
    multiply_group<Words, Form>(gate, panel, live, x, gate_sums, unpacked);
    multiply_group<Words, Form>(up, panel, live, x, up_sums, unpacked);
    drain<Words, Form>(panel, live, x.tokens, out, [&](auto& lanes, index_t at, index_t, const float*, auto) TENON_LAMBDA {
      alignas(64) float ups[panel::columns];
      __builtin_memcpy(lanes, gate_sums + at, sizeof lanes);
      __builtin_memcpy(ups, up_sums + at, sizeof ups);
      for (int c = 0; c < panel::columns; ++c) lanes[c] = unit.open(lanes[c], ups[c]);
    });
  });
}

TENON_KERNELS_END
