#pragma once
// Normalisation of a row of features.

#include <concepts>

#include <tenon/core/config.hpp>

namespace tenon {

/// x * rsqrt(mean(x^2) + epsilon) * gain (Zhang and Sennrich 2019, arXiv 1910.07467). `epsilon` lies in (0, 0.1].
struct rms {
  float epsilon = 0;
};
/// (x - mean) * rsqrt(variance + epsilon) * gain + shift (Ba et al. 2016, arXiv 1607.06450).
struct layer_norm {
  float epsilon = 0;
};

}  // namespace tenon
