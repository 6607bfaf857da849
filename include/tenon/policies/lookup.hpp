#pragma once
// What masks and scores look up in memory for each score. Kernels for GPUs hold addresses and operands in registers meanwhile, and take a
// smaller tile. A policy of your own that reads memory says so in a member; without it nothing goes wrong, but for registers that may spill:
//
//   static constexpr lookup looks_up = lookup::by_key;

namespace tenon {

enum class lookup : unsigned char {
  none,   ///< nothing, or what all keys of a query share
  some,   ///< a table, bits or a list, at one place at a time
  by_key  ///< a number of each key, all of a tile's at once
};

/// The most that a policy, or any part of it, says.
template <class Policy>
consteval lookup lookup_of() {
  if constexpr (requires { Policy::looks_up; }) {
    return Policy::looks_up;
  } else if constexpr (requires(Policy p) { p.first; p.second; }) {
    constexpr lookup first = lookup_of<decltype(Policy::first)>(), second = lookup_of<decltype(Policy::second)>();
    return first < second ? second : first;
  } else if constexpr (requires(Policy p) { p.inner; }) {
    return lookup_of<decltype(Policy::inner)>();
  } else {
    return lookup::none;
  }
}

}  // namespace tenon
