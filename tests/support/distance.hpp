#pragma once
// How far apart two arrays are.

#include <cmath>
#include <cstddef>
#include <span>

namespace tenon_test {

/// |a - b| / |b| over everything; infinite where the sizes differ or a value of `a` is not a number.
inline double relative_l2(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  double apart = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    apart += d * d;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  const double distance = std::sqrt(apart / size);
  return std::isnan(distance) ? INFINITY : distance;
}

/// The first place of the largest value.
inline std::size_t argmax(std::span<const float> values) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i)
    if (values[i] > values[best]) best = i;
  return best;
}

}  // namespace tenon_test
