#pragma once
// How a hard threshold learns: forward it is 1[x >= threshold], backward it has the slope of sigma((x - threshold) / temperature)
// [straight-through: Bengio, Leonard, Courville 2013, arXiv 1308.3432].

#include <tenon/core/math.hpp>

namespace tenon {

/// The gradient of a threshold. A threshold of 0 drops nothing and has none.
struct surrogate {
  float threshold, temperature;
  /// d/dx at x.
  constexpr float slope(float x) const {
    if (threshold <= 0) return 0;
    const float s = logistic((x - threshold) / temperature);
    return s * (1 - s) / temperature;
  }
};

}  // namespace tenon
