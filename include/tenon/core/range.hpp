#pragma once
// The least and the greatest of some numbers.

#include <cstdint>

#include <tenon/core/config.hpp>

namespace tenon {

struct range {
  std::int32_t least, most;
};

/// Of numbers [from, to) of `all`, not empty. Whole sixteens, so that compilers of processors take them as vectors; a GPU would hold as many registers.
TENON_BOTH TENON_INLINE constexpr range range_of(const std::int32_t* all, int from, int to) {
  range found{all[from], all[from]};
  for (; !gpu_pass && to - from >= 16; from += 16) {
    std::int32_t least = all[from], most = least;
    for (int i = 0; i < 16; ++i) least = all[from + i] < least ? all[from + i] : least;
    for (int i = 0; i < 16; ++i) most = all[from + i] > most ? all[from + i] : most;
    found = {least < found.least ? least : found.least, most > found.most ? most : found.most};
  }
  for (; from < to; ++from) found = {all[from] < found.least ? all[from] : found.least, all[from] > found.most ? all[from] : found.most};
  return found;
}

}  // namespace tenon
