#pragma once
// std::bit_cast for device code as well: a constexpr function of the standard library is the host's alone to nvcc.

#include <type_traits>

#include <tenon/core/config.hpp>

namespace tenon {

/// The bits of `from` as a `To` of the same size.
template <class To, class From>
  requires(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>)
TENON_BOTH TENON_INLINE constexpr To bit_cast(const From& from) noexcept {
  return __builtin_bit_cast(To, from);
}

}  // namespace tenon
