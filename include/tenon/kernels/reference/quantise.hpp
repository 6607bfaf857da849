#pragma once
// The definition of activations of 8 bits with one scale for each 128 neighbours of a token.

#include <cmath>
#include <cstdint>
#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

namespace tenon::reference {

/// The scale of `count` numbers, and their quanta, computed in float as everywhere, to the nearest, ties to even. int8: scale = amax / 127, out = x (127 / amax); 1 and
/// zeros where amax is 0 (below 2^-110 counts as 0). e4m3: the same by 448, where amax is at least `least`. With an infinity or NaN among them: scale NaN, zeros.
template <class Number>
double quantise(const float* x, index_t count, Number* out, float least = 0) {
  constexpr bool whole = std::is_same_v<Number, std::int8_t>;
  constexpr float largest = whole ? 127 : 448;
  float amax = whole ? 0 : least;
  bool finite = true;
  for (index_t i = 0; i < count; ++i) {
    finite = finite && std::isfinite(x[i]);
    amax = std::fmax(amax, std::fabs(x[i]));
  }
  const bool tiny = amax < 0x1p-110f;
  for (index_t i = 0; i < count; ++i) {
    const float quantum = !finite || tiny ? 0.0f : x[i] * (largest / amax);
    out[i] = static_cast<Number>(whole ? std::nearbyint(quantum) : quantum);
  }
  return !finite ? std::nan("") : tiny ? 1.0 : static_cast<double>(amax) / static_cast<double>(largest);
}

/// x and out [token, width], scales [width / 128, token]. Of e4m3 amax counts as at least 1e-4.
template <class Number>
void quantise(const view<const float, 2>& x, const view<Number, 2>& out, double* scales) {
  const index_t tokens = x.extent[0], width = x.extent[1];
  for (index_t t = 0; t < tokens; ++t)
    for (index_t i = 0; i < width; i += 128) scales[i / 128 * tokens + t] = quantise(&x(t, i), width - i < 128 ? width - i : 128, &out(t, i), 1e-4f);
}

}  // namespace tenon::reference
