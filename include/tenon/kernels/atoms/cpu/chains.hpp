#pragma once
// How many floats one sum of a score takes on a processor: a chain of n additions is off by about sqrt(n) roundings, so wide heads have
// several chains, which are added up.

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

inline constexpr int longest_chain = 128;
/// Dims of each chain but the last, about equal, a multiple of 8.
constexpr int chain_of(int dim) {
  const int chains = (dim + longest_chain - 1) / longest_chain;
  return (dim + 8 * chains - 1) / (8 * chains) * 8;
}

}  // namespace atoms
TENON_KERNELS_END
