// The 16- and 8-bit formats, exhaustively where they are narrow: every pattern widened, every rounding boundary narrowed.

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <tenon/core/number.hpp>

namespace {

using tenon::bf16;
using tenon::e4m3;
using tenon::e5m2;
using tenon::f16;

// The value of a pattern, from the definition of the format.
double definition(std::uint32_t bits, int exponent_bits, int mantissa_bits, bool infinities) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int mantissa = static_cast<int>(bits & ((1u << mantissa_bits) - 1));
  const int exponent = static_cast<int>((bits >> mantissa_bits) & ((1u << exponent_bits) - 1));
  const double sign = (bits >> (exponent_bits + mantissa_bits)) != 0 ? -1 : 1;
  const int top = (1 << exponent_bits) - 1;
  if (infinities && exponent == top) return mantissa == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  if (!infinities && exponent == top && mantissa == (1 << mantissa_bits) - 1) return std::nan("");
  return exponent == 0 ? sign * std::ldexp(mantissa, 1 - bias - mantissa_bits) : sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

template <class T>
struct facts;
template <>
struct facts<bf16> {
  static constexpr int exponent = 8, mantissa = 7;
  static constexpr bool infinities = true;
};
template <>
struct facts<f16> {
  static constexpr int exponent = 5, mantissa = 10;
  static constexpr bool infinities = true;
};
template <>
struct facts<e4m3> {
  static constexpr int exponent = 4, mantissa = 3;
  static constexpr bool infinities = false;
};
template <>
struct facts<e5m2> {
  static constexpr int exponent = 5, mantissa = 2;
  static constexpr bool infinities = true;
};

template <class T>
T pattern(std::uint32_t bits) {
  return T::from_bits(static_cast<decltype(T::bits)>(bits));
}

#define TENON_FORMATS bf16, f16, e4m3, e5m2

TEST_CASE_TEMPLATE("every pattern widens to its definition and narrows back to itself", T, TENON_FORMATS) {
  using F = facts<T>;
  for (std::uint32_t bits = 0; bits < (1u << (1 + F::exponent + F::mantissa)); ++bits) {
    const double want = definition(bits, F::exponent, F::mantissa, F::infinities);
    const float got = static_cast<float>(pattern<T>(bits));
    if (std::isnan(want)) {
      REQUIRE(std::isnan(got));
      REQUIRE(std::isnan(static_cast<float>(T(got))));
    } else {
      REQUIRE(static_cast<double>(got) == want);
      REQUIRE(std::signbit(got) == std::signbit(want));
      if (F::infinities || !std::isinf(got)) REQUIRE(T(got).bits == bits);
    }
  }
}

TEST_CASE_TEMPLATE("between two neighbours: nearest, ties to even, on both sides of the boundary", T, TENON_FORMATS) {
  using F = facts<T>;
  const auto narrow = [](double value) { return static_cast<std::uint32_t>(T(static_cast<float>(value)).bits); };
  for (std::uint32_t bits = 0; bits + 1 < (1u << (F::exponent + F::mantissa)); ++bits) {
    const double low = definition(bits, F::exponent, F::mantissa, F::infinities), high = definition(bits + 1, F::exponent, F::mantissa, F::infinities);
    if (!std::isfinite(low) || !std::isfinite(high)) break;
    const float middle = static_cast<float>((low + high) / 2);
    if (static_cast<double>(middle) != (low + high) / 2) continue;  // below the smallest float
    const std::uint32_t even = (bits & 1) == 0 ? bits : bits + 1, sign = 1u << (F::exponent + F::mantissa);
    REQUIRE(narrow(static_cast<double>(middle)) == even);
    REQUIRE(narrow(-static_cast<double>(middle)) == (even | sign));
    REQUIRE(narrow(static_cast<double>(std::nextafter(middle, 0.0f))) == bits);
    REQUIRE(narrow(static_cast<double>(std::nextafter(middle, std::numeric_limits<float>::infinity()))) == bits + 1);
  }
}

TEST_CASE("overflow: infinity where the format has one, saturation where not") {
  const float infinity = std::numeric_limits<float>::infinity(), largest = std::numeric_limits<float>::max();
  CHECK(static_cast<float>(f16(65519.0f)) == 65504.0f);
  CHECK(static_cast<float>(f16(65520.0f)) == infinity);
  CHECK(static_cast<float>(f16(-1e30f)) == -infinity);
  CHECK(static_cast<float>(bf16(largest)) == infinity);
  CHECK(static_cast<float>(bf16(-infinity)) == -infinity);
  for (const float big : {449.0f, 465.0f, 1e30f, infinity}) {
    CHECK(static_cast<float>(e4m3(big)) == 448.0f);
    CHECK(static_cast<float>(e4m3(-big)) == -448.0f);
  }
  CHECK(static_cast<float>(e5m2(61439.0f)) == 57344.0f);
  CHECK(static_cast<float>(e5m2(61440.0f)) == infinity);
  CHECK(static_cast<float>(e5m2(infinity)) == infinity);
  CHECK(static_cast<float>(e5m2::saturated(1e30f)) == 57344.0f);
  CHECK(static_cast<float>(e5m2::saturated(-infinity)) == -57344.0f);
  CHECK(std::isnan(static_cast<float>(e5m2::saturated(std::nanf("")))));
}

TEST_CASE("the smallest values: halves of the least subnormal round to zero, with the sign kept") {
  CHECK(f16(0x1p-25f).bits == 0);
  CHECK(f16(std::nextafter(0x1p-25f, 1.0f)).bits == 1);
  CHECK(f16(-0x1p-30f).bits == 0x8000);
  CHECK(e4m3(0x1p-10f).bits == 0);
  CHECK(e4m3(0x1.8p-10f).bits == 1);
  CHECK(e5m2(0x1p-17f).bits == 0);
  CHECK(e5m2(-0.0f).bits == 0x80);
  CHECK(bf16(std::numeric_limits<float>::denorm_min()).bits == 0);
}

#if defined(__aarch64__)
using compilers_half = __fp16;  // g++ 12 has no _Float16 for Arm
#else
__extension__ using compilers_half = _Float16;
#endif

TEST_CASE("f16 agrees with the compiler's own half on floats of every exponent") {
  for (std::uint32_t i = 0; i < 4'000'000; ++i) {
    const float value = std::bit_cast<float>(i * 1073u);
    if (std::isnan(value)) continue;
    __extension__ const auto half = static_cast<compilers_half>(value);
    REQUIRE(f16(value).bits == std::bit_cast<std::uint16_t>(half));
  }
}

static_assert(f16(1.0f).bits == 0x3c00 && bf16(1.0f).bits == 0x3f80 && static_cast<float>(e4m3(0.3f)) == 0.3125f);
static_assert(tenon::number<float> && tenon::number<f16> && !tenon::number<int>);

}  // namespace
