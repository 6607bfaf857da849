#pragma once
// Gates on a GPU: out[t, i] = open(gate[t, i / each], up[t, i]). Moves 12 bytes per value, 8 with a gate per head. As launch/gate.hpp. Reference: kernels/reference/gate.hpp.

#include <tenon/kernels/launch/gate.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/device_block.hpp>
#include <tenon/kernels/shared/device_number.hpp>

TENON_KERNELS_BEGIN

/// A gate opens `each` neighbours, 1 or a multiple of 4. Grid: x = tokens, y = stretches of 4 * threads values.
template <class Leaf, class Gate>
struct open_gate_body {
  static constexpr int threads = 128;
  kernel_detail::device_floats<const float> gate, up;
  kernel_detail::device_floats<float> out;
  int hidden, each;
  Gate how;

  TENON_BOTH TENON_INLINE void operator()() const {
    using number = device_number<Leaf>;
    const index_t token = Leaf::block_x();
    const int i = (Leaf::block_y() * threads + Leaf::thread()) * 4;
    if (i >= hidden) return;
    float g[4], u[4];
    if (each == 1)
      load_four<Leaf>(gate.data + token * gate.stride + i, gate.wide, hidden - i, g);
    else
      g[0] = g[1] = g[2] = g[3] = Leaf::load(gate.data + token * gate.stride + i / each);
    load_four<Leaf>(up.data + token * up.stride + i, up.wide, hidden - i, u);
    for (int e = 0; e < 4; ++e) u[e] = how.open(number(g[e]), number(u[e])).value;
    store_four<Leaf>(out.data + token * out.stride + i, out.wide, hidden - i, u);
  }
};

namespace kernel_detail {
template <device_machine Machine, class Gate>
void launch_gate(const Machine& machine, const Gate& how, view<const float, 2> gate, view<const float, 2> up, view<float, 2> out, index_t each) {
  using body = open_gate_body<typename Machine::leaf, Gate>;
  if (out.size() == 0) return;
  launch(machine, static_cast<int>(out.extent[0]), static_cast<int>(tiles(out.extent[1], 4 * body::threads)),
         body{device_floats<const float>(gate), device_floats<const float>(up), device_floats<float>(out), static_cast<int>(out.extent[1]), static_cast<int>(each), how});
}
}  // namespace kernel_detail

/// As on a processor, over memory of the machine.
template <device_machine Machine, gate_like Gate>
void open_gate(const Machine& machine, const Gate& how, view<const float, 2> gate, view<const float, 2> up, view<float, 2> out) {
  kernel_detail::check_rows("open_gate", gate.extent, gate.stride[1], out.extent, out.stride[1]);
  kernel_detail::check_rows("open_gate", up.extent, up.stride[1], out.extent, out.stride[1]);
  kernel_detail::launch_gate(machine, how, gate, up, out, 1);
}
/// The same; heads are of a multiple of 4 numbers and lie one behind the other.
template <device_machine Machine, gate_like Gate>
void open_heads(const Machine& machine, const Gate& how, view<const float, 2> gate, view<float, 3> x) {
  kernel_detail::check_heads_opened(gate, x);
  if (x.extent[2] % 4 != 0 || x.stride[1] != x.extent[2]) throw error("[x] of open_heads must have its heads, of a multiple of 4 numbers, one behind the other on a GPU. Fix: copy it first.");
  view<float, 2> rows(x.data, x.extent[0], x.extent[1] * x.extent[2]);
  rows.stride[0] = x.stride[0];
  kernel_detail::launch_gate(machine, how, gate, rows, rows, x.extent[2]);
}

TENON_KERNELS_END
