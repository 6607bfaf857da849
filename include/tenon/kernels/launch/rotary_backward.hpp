#pragma once
// The gradient of a rotary embedding: the rotation by the opposite angles, with the same amplitude. With the second feature of each
// pair negated before and after, the rotation itself turns backwards: no second kernel.

#include <tenon/kernels/launch/rotary.hpp>

TENON_KERNELS_BEGIN

/// From the gradient of what `rotate` made to that of what it was given, in place. x: [token, head, dim], as rotate has it.
template <class Machine, class Position>
  requires requires(const Position& p) { p.turned(index_t{}); }
void rotate_backward(const Machine& machine, const Position& position, view<float, 3> x, index_t first) {
  if constexpr (!std::is_same_v<Position, no_rotation>) {
    const index_t turned = position.turned(x.extent[2]);
    const auto negate = [&] {
      for (index_t t = 0; t < x.extent[0]; ++t)
        for (index_t h = 0; h < x.extent[1]; ++h)
          for (index_t i = 0; i < turned / 2; ++i) {
            float& second = position.pairing == halves ? x(t, h, turned / 2 + i) : x(t, h, 2 * i + 1);
            second = -second;
          }
    };
    negate();
    rotate(machine, position, x, first);
    negate();
  }
}

TENON_KERNELS_END
