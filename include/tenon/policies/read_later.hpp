#pragma once
// An operand that nobody knows when a kernel is started. A policy that may have one is a template on it: int, or read_later.

#include <cstdint>

#include <tenon/core/config.hpp>

namespace tenon {

/// A number that kernels read when they run, since the host does not know it when it starts them.
struct read_later {
  const std::int32_t* at = nullptr;
  TENON_BOTH TENON_INLINE constexpr operator int() const { return *at; }
};

}  // namespace tenon
