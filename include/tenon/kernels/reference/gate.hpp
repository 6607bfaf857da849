#pragma once
// A gate in double: the definition of correct for kernels/launch/gate.hpp. The gate's verb is evaluated in double itself.

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace reference {

/// gate, up, out: [token, hidden].
template <class Gate>
void open_gate(const Gate& how, view<const double, 2> gate, view<const double, 2> up, view<double, 2> out) {
  for (index_t t = 0; t < out.extent[0]; ++t)
    for (index_t i = 0; i < out.extent[1]; ++i) out(t, i) = how.open(gate(t, i), up(t, i));
}

/// gate: [token, head]; x: [token, head, dim], in place.
template <class Gate>
void open_heads(const Gate& how, view<const double, 2> gate, view<double, 3> x) {
  for (index_t t = 0; t < x.extent[0]; ++t)
    for (index_t h = 0; h < x.extent[1]; ++h)
      for (index_t i = 0; i < x.extent[2]; ++i) x(t, h, i) = how.open(gate(t, h), x(t, h, i));
}

}  // namespace reference
TENON_KERNELS_END
