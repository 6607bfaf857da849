#pragma once
// Rotary embedding in double, feature by feature: the definition of correct for kernels/launch/rotary.hpp. libm's pow, cos
// and sin, so that nothing is shared with the kernel but the pairing's definition.

#include <cmath>

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>
#include <tenon/policies/position.hpp>

TENON_KERNELS_BEGIN
namespace reference {

/// x: [token, head, dim], turned in place; token t stands at first + t. Only the first `dims` features turn, without scaling.
inline void rotate(double theta, index_t dims, pairing pairs, view<double, 3> x, index_t first) {
  for (index_t t = 0; t < x.extent[0]; ++t)
    for (index_t h = 0; h < x.extent[1]; ++h)
      for (index_t i = 0; i < dims / 2; ++i) {
        const double angle = static_cast<double>(first + t) * std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dims));
        double& a = pairs == halves ? x(t, h, i) : x(t, h, 2 * i);
        double& b = pairs == halves ? x(t, h, i + dims / 2) : x(t, h, 2 * i + 1);
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = turned;
      }
}

}  // namespace reference
TENON_KERNELS_END
