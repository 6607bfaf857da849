#pragma once
// Number formats of 16 and 8 bits, as bits with exact conversions. Arithmetic is done in float.

#include <concepts>
#include <cstdint>
#include <limits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/config.hpp>

namespace tenon {

/// bfloat16: the upper half of a float. Rounds to nearest even; NaN stays NaN.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  TENON_BOTH constexpr explicit bf16(float value) : bits(round(bit_cast<std::uint32_t>(value))) {}
  TENON_BOTH static constexpr bf16 from_bits(std::uint16_t b) {
    bf16 out{};
    out.bits = b;
    return out;
  }
  TENON_BOTH constexpr explicit operator float() const { return bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  friend constexpr bool operator==(bf16, bf16) = default;

 private:
  TENON_BOTH static constexpr std::uint16_t round(std::uint32_t u) {
    if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((u >> 16) | 0x40u);
    return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};

namespace detail {

// A binary float with Exponent and Mantissa bits below its sign, to float. `infinities` as in IEEE 754; without them
// (e4m3) only the all-ones pattern is NaN.
template <int Exponent, int Mantissa, bool Infinities>
TENON_BOTH constexpr float widen(std::uint32_t bits) {
  constexpr std::uint32_t exponent_mask = (1u << Exponent) - 1, mantissa_mask = (1u << Mantissa) - 1;
  constexpr int bias = (1 << (Exponent - 1)) - 1;
  const std::uint32_t sign = (bits >> (Exponent + Mantissa)) << 31;
  const std::uint32_t exponent = (bits >> Mantissa) & exponent_mask;
  const std::uint32_t mantissa = bits & mantissa_mask;
  if (Infinities ? exponent == exponent_mask : (exponent == exponent_mask && mantissa == mantissa_mask))
    return bit_cast<float>(sign | 0x7f800000u | (mantissa << (23 - Mantissa)));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * bit_cast<float>(static_cast<std::uint32_t>(127 - bias + 1 - Mantissa) << 23);
    return bit_cast<float>(bit_cast<std::uint32_t>(magnitude) | sign);
  }
  return bit_cast<float>(sign | ((exponent + static_cast<std::uint32_t>(127 - bias)) << 23) | (mantissa << (23 - Mantissa)));
}

// The nearest value of such a format, ties to even. Overflow gives `overflow` (with the sign), NaN gives `not_a_number`.
template <int Exponent, int Mantissa>
TENON_BOTH constexpr std::uint32_t narrow(float value, std::uint32_t largest, std::uint32_t overflow, std::uint32_t not_a_number) {
  constexpr int bias = (1 << (Exponent - 1)) - 1;
  const std::uint32_t u = bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (u >> 31) << (Exponent + Mantissa);
  const std::uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | not_a_number;
  if (magnitude == 0x7f800000u) return sign | overflow;
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  std::uint32_t rounded;
  if (exponent < 1 - bias) {  // subnormal there: the significand moves right before it is rounded
    const int shift = 23 - Mantissa + (1 - bias - exponent);
    if (shift > 25) return sign;
    const std::uint32_t significand = (magnitude & 0x7fffffu) | (magnitude >= 0x800000u ? 0x800000u : 0u);
    const std::uint32_t half = 1u << (shift - 1);
    rounded = (significand + half - 1 + ((significand >> shift) & 1u)) >> shift;
  } else {
    constexpr int shift = 23 - Mantissa;
    const std::uint32_t rebased = magnitude - (static_cast<std::uint32_t>(127 - bias) << 23);
    rounded = (rebased + (1u << (shift - 1)) - 1 + ((rebased >> shift) & 1u)) >> shift;
  }
  return sign | (rounded > largest ? overflow : rounded);
}

}  // namespace detail

/// IEEE 754 binary16. Rounds to nearest even, overflows to infinity, NaN stays NaN.
struct f16 {
  std::uint16_t bits;

  f16() = default;
  TENON_BOTH constexpr explicit f16(float value) : bits(static_cast<std::uint16_t>(detail::narrow<5, 10>(value, 0x7bff, 0x7c00, 0x7e00))) {}
  TENON_BOTH static constexpr f16 from_bits(std::uint16_t b) {
    f16 out{};
    out.bits = b;
    return out;
  }
  TENON_BOTH constexpr explicit operator float() const { return detail::widen<5, 10, true>(bits); }
  friend constexpr bool operator==(f16, f16) = default;
};

/// OCP FP8 E4M3: no infinity, one NaN pattern per sign, largest value 448. Saturates.
struct e4m3 {
  std::uint8_t bits;

  e4m3() = default;
  TENON_BOTH constexpr explicit e4m3(float value) : bits(static_cast<std::uint8_t>(detail::narrow<4, 3>(value, 0x7e, 0x7e, 0x7f))) {}
  TENON_BOTH static constexpr e4m3 from_bits(std::uint8_t b) {
    e4m3 out{};
    out.bits = b;
    return out;
  }
  TENON_BOTH constexpr explicit operator float() const { return detail::widen<4, 3, false>(bits); }
  friend constexpr bool operator==(e4m3, e4m3) = default;
};

/// OCP FP8 E5M2: IEEE-like, overflows to infinity. `saturated` clamps to 57344 instead.
struct e5m2 {
  std::uint8_t bits;

  e5m2() = default;
  TENON_BOTH constexpr explicit e5m2(float value) : bits(static_cast<std::uint8_t>(detail::narrow<5, 2>(value, 0x7b, 0x7c, 0x7e))) {}
  TENON_BOTH static constexpr e5m2 saturated(float value) { return from_bits(static_cast<std::uint8_t>(detail::narrow<5, 2>(value, 0x7b, 0x7b, 0x7e))); }
  TENON_BOTH static constexpr e5m2 from_bits(std::uint8_t b) {
    e5m2 out{};
    out.bits = b;
    return out;
  }
  TENON_BOTH constexpr explicit operator float() const { return detail::widen<5, 2, true>(bits); }
  friend constexpr bool operator==(e5m2, e5m2) = default;
};

/// Specialised to true for further types that act as a real number (dual numbers).
template <class T>
inline constexpr bool acts_as_number = false;

/// A type that stands for a real number: the formats above, float and double, and dual numbers over them.
template <class T>
concept number = std::floating_point<T> || std::same_as<T, bf16> || std::same_as<T, f16> || std::same_as<T, e4m3> || std::same_as<T, e5m2> || acts_as_number<T>;

}  // namespace tenon
