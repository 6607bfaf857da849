#pragma once
// How numbers in memory become those of a matrix instruction: unchanged but for the fp8 of CDNA3, which is not the OCP's.

#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

/// Machines whose numbers are those of core/number.hpp.
struct ocp_numbers {
  /// Sixteen bytes of numbers on their way to a matrix instruction.
  template <class Number>
  TENON_BOTH TENON_INLINE static bits128 enter(const bits128& from) {
    return from;
  }
  /// What a sum of products of two such operands is to be multiplied with.
  template <class Number>
  static constexpr float unit = 1;
};

/// FNUZ e4m3: the same bits mean half the value, -0 is NaN and there is no other.
struct fnuz_numbers {
  template <class Number>
  TENON_BOTH TENON_INLINE static bits128 enter(const bits128& from) {
    bits128 out = from;
    if constexpr (std::is_same_v<Number, e4m3>)
      for (std::uint32_t& four : out.word) {
        const std::uint32_t magnitude = four & 0x7f7f7f7fu;
        const std::uint32_t zero = ~(magnitude + 0x7f7f7f7fu) & 0x80808080u, nan = (magnitude + 0x01010101u) & 0x80808080u;  // a byte's sign bit each
        four = (four & ~zero & ~(nan - (nan >> 7))) | nan;
      }
    return out;
  }
  template <class Number>
  static constexpr float unit = std::is_same_v<Number, e4m3> ? 4 : 1;
};

}  // namespace atoms::amd
TENON_KERNELS_END
