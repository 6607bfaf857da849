#pragma once
// The definition of activations of 8 bits with one scale per token.

#include <cmath>
#include <cstdint>
#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

namespace tenon::reference {

/// scales[token] = amax / 127 of the row, of e4m3 amax / 448, 1 where amax is 0 (below 2^-110 counts as 0); out = x (127 / amax), computed in float as everywhere, to the
/// nearest, ties to even. A row with an infinity or NaN: scale NaN, zeros.
template <class Number>
void quantise(const view<const float, 2>& x, const view<Number, 2>& out, double* scales) {
  constexpr bool whole = std::is_same_v<Number, std::int8_t>;
  constexpr float largest = whole ? 127 : 448;
  for (index_t t = 0; t < x.extent[0]; ++t) {
    float amax = 0;
    bool finite = true;
    for (index_t i = 0; i < x.extent[1]; ++i) {
      finite = finite && std::isfinite(x(t, i));
      amax = std::fmax(amax, std::fabs(x(t, i)));
    }
    const bool tiny = amax < 0x1p-110f;
    scales[t] = !finite ? std::nan("") : tiny ? 1.0 : static_cast<double>(amax) / static_cast<double>(largest);
    for (index_t i = 0; i < x.extent[1]; ++i) {
      const float quantum = !finite || tiny ? 0.0f : x(t, i) * (largest / amax);
      out(t, i) = static_cast<Number>(whole ? std::nearbyint(quantum) : quantum);
    }
  }
}

}  // namespace tenon::reference
