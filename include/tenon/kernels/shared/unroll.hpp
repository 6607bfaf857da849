#pragma once
// A loop with a constant trip count that is gone after compilation, at any optimisation level of either compiler.

#include <type_traits>
#include <utility>

#include <tenon/core/config.hpp>

namespace tenon {
namespace unroll_detail {

// One level, not a recursion: compilers optimise every level of a recursion again.
template <class F, int... At>
TENON_BOTH TENON_INLINE constexpr void each(F& f, std::integer_sequence<int, At...>) {
  (f(std::integral_constant<int, At>{}), ...);
}

}  // namespace unroll_detail

/// Calls f(std::integral_constant<int, i>) for i in [0, Count).
template <int Count, class F>
TENON_BOTH TENON_INLINE constexpr void unroll(F&& f) {
  unroll_detail::each(f, std::make_integer_sequence<int, Count>{});
}

}  // namespace tenon
