#pragma once
// Gates on a GPU: out[t, i] = open(gate[t, i], up[t, i]). Moves 12 bytes per value. As launch/gate.hpp. Reference: kernels/reference/gate.hpp.

#include <tenon/kernels/launch/gate.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/device_block.hpp>
#include <tenon/kernels/shared/device_number.hpp>

TENON_KERNELS_BEGIN

/// Grid: x = tokens, y = stretches of 4 * threads values.
template <class Leaf, class Gate>
struct open_gate_body {
  static constexpr int threads = 128;
  kernel_detail::device_floats<const float> gate, up;
  kernel_detail::device_floats<float> out;
  int hidden;
  Gate how;

  TENON_BOTH TENON_INLINE void operator()() const {
    using number = device_number<Leaf>;
    const index_t token = Leaf::block_x();
    const int i = (Leaf::block_y() * threads + Leaf::thread()) * 4;
    if (i >= hidden) return;
    float g[4], u[4];
    load_four<Leaf>(gate.data + token * gate.stride + i, gate.wide, hidden - i, g);
    load_four<Leaf>(up.data + token * up.stride + i, up.wide, hidden - i, u);
    for (int e = 0; e < 4; ++e) u[e] = how.open(number(g[e]), number(u[e])).value;
    store_four<Leaf>(out.data + token * out.stride + i, out.wide, hidden - i, u);
  }
};

/// As on a processor, over memory of the machine.
template <device_machine Machine, gate_like Gate>
void open_gate(const Machine& machine, const Gate& how, view<const float, 2> gate, view<const float, 2> up, view<float, 2> out) {
  using body = open_gate_body<typename Machine::leaf, Gate>;
  kernel_detail::check_rows("open_gate", gate.extent, gate.stride[1], out.extent, out.stride[1]);
  kernel_detail::check_rows("open_gate", up.extent, up.stride[1], out.extent, out.stride[1]);
  if (out.size() == 0) return;
  using kernel_detail::device_floats;
  kernel_detail::launch(machine, static_cast<int>(out.extent[0]), static_cast<int>(kernel_detail::tiles(out.extent[1], 4 * body::threads)),
                        body{device_floats<const float>(gate), device_floats<const float>(up), device_floats<float>(out), static_cast<int>(out.extent[1]), how});
}

TENON_KERNELS_END
