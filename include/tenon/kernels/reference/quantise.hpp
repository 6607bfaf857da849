#pragma once
// The definition of int8 activations with one scale per token, in double.

#include <cmath>
#include <cstdint>

#include <tenon/core/view.hpp>

namespace tenon::reference {

/// scales[token] = amax / 127 of the row, 1 where amax is 0 (below 2^-110 counts as 0); out = x / scale to the nearest, ties to even. A row with an infinity
/// or NaN: scale NaN, zeros.
inline void quantise(const view<const float, 2>& x, const view<std::int8_t, 2>& out, double* scales) {
  for (index_t t = 0; t < x.extent[0]; ++t) {
    double amax = 0;
    bool finite = true;
    for (index_t i = 0; i < x.extent[1]; ++i) {
      finite = finite && std::isfinite(x(t, i));
      amax = std::fmax(amax, std::fabs(static_cast<double>(x(t, i))));
    }
    const bool tiny = amax < 0x1p-110;
    scales[t] = !finite ? std::nan("") : tiny ? 1.0 : amax / 127;
    for (index_t i = 0; i < x.extent[1]; ++i)
      out(t, i) = !finite || tiny ? std::int8_t{0} : static_cast<std::int8_t>(std::nearbyint(static_cast<double>(x(t, i)) / scales[t]));
  }
}

}  // namespace tenon::reference
