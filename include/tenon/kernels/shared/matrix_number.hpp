#pragma once
// The numbers that matrix instructions of GPUs multiply, and what they add them in.

#include <cstdint>
#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/number.hpp>

namespace tenon {

/// A float in memory of which products see sign, exponent and the upper 10 bits of the fraction: others are dropped, not rounded. Made of a float
/// it is rounded, to nearest even.
struct tf32 {
  float value;
  tf32() = default;
  TENON_BOTH constexpr explicit tf32(float x) : value(x == x ? bit_cast<float>((bit_cast<std::uint32_t>(x) + 0xfffu + (bit_cast<std::uint32_t>(x) >> 13 & 1)) & 0xffffe000u) : x) {}
  TENON_BOTH constexpr explicit operator float() const { return value; }
};

/// What products of Number are added in: exactly, or in single precision.
template <class Number>
using sum_of = std::conditional_t<std::is_same_v<Number, std::int8_t>, std::int32_t, float>;

/// Whether Number is among Others.
template <class Number, class... Others>
inline constexpr bool is_one_of = (std::is_same_v<Number, Others> || ...);

}  // namespace tenon
