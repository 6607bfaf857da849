#pragma once
// A loop with a constant trip count that is gone after compilation, at any optimisation level of either compiler.

#include <type_traits>

#include <tenon/core/config.hpp>

namespace tenon {

/// Calls f(std::integral_constant<int, i>) for i in [0, Count).
template <int Count, int First = 0, class F>
TENON_INLINE constexpr void unroll(F&& f) {
  if constexpr (First < Count) {
    f(std::integral_constant<int, First>{});
    unroll<Count, First + 1>(f);
  }
}

}  // namespace tenon
