#pragma once
// A float whose divisions and elementary functions are a GPU's own instructions: what scores are asked with there. A score's one
// definition is a template over its number, so it needs to know nothing of this.

#include <tenon/core/dual.hpp>

TENON_KERNELS_BEGIN

/// Leaf has reciprocal, exp2, log2 and tanh; what no leaf has is core's.
template <class Leaf>
struct device_number {
  float value;

  device_number() = default;
  TENON_BOTH TENON_INLINE constexpr device_number(float x) : value(x) {}
  TENON_BOTH TENON_INLINE constexpr device_number(int x) : value(static_cast<float>(x)) {}
  TENON_BOTH TENON_INLINE constexpr device_number(double x) : value(static_cast<float>(x)) {}
  TENON_BOTH TENON_INLINE constexpr device_number operator-() const { return device_number(-value); }

  TENON_BOTH TENON_INLINE friend constexpr device_number operator+(device_number a, device_number b) { return device_number(a.value + b.value); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator-(device_number a, device_number b) { return device_number(a.value - b.value); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator*(device_number a, device_number b) { return device_number(a.value * b.value); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator/(device_number a, device_number b) { return device_number(a.value * Leaf::reciprocal(b.value)); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator+(device_number a, float b) { return a + device_number(b); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator-(device_number a, float b) { return a - device_number(b); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator*(device_number a, float b) { return a * device_number(b); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator/(device_number a, float b) { return a / device_number(b); }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator+(float a, device_number b) { return device_number(a) + b; }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator-(float a, device_number b) { return device_number(a) - b; }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator*(float a, device_number b) { return device_number(a) * b; }
  TENON_BOTH TENON_INLINE friend constexpr device_number operator/(float a, device_number b) { return device_number(a) / b; }
  TENON_BOTH TENON_INLINE friend constexpr bool operator<(device_number a, device_number b) { return a.value < b.value; }
  TENON_BOTH TENON_INLINE friend constexpr bool operator>(device_number a, device_number b) { return a.value > b.value; }
  TENON_BOTH TENON_INLINE friend constexpr bool operator<=(device_number a, device_number b) { return a.value <= b.value; }
  TENON_BOTH TENON_INLINE friend constexpr bool operator>=(device_number a, device_number b) { return a.value >= b.value; }

  TENON_BOTH TENON_INLINE friend constexpr device_number choose(bool condition, device_number yes, device_number no) { return condition ? yes : no; }

  TENON_BOTH TENON_INLINE friend device_number exp2(device_number x) { return device_number(Leaf::exp2(x.value)); }
  TENON_BOTH TENON_INLINE friend device_number exp(device_number x) { return device_number(Leaf::exp2(x.value * 1.44269504088896341f)); }
  TENON_BOTH TENON_INLINE friend device_number log(device_number x) { return device_number(Leaf::log2(x.value) * 0.69314718055994531f); }
  TENON_BOTH TENON_INLINE friend device_number tanh(device_number x) { return device_number(Leaf::tanh(x.value)); }
  TENON_BOTH TENON_INLINE friend device_number logistic(device_number x) { return device_number(Leaf::reciprocal(1.0f + Leaf::exp2(x.value * -1.44269504088896341f))); }
  TENON_BOTH TENON_INLINE friend device_number abs(device_number x) { return device_number(tenon::abs(x.value)); }
  TENON_BOTH TENON_INLINE friend device_number sin(device_number x) { return device_number(tenon::sin(x.value)); }
  TENON_BOTH TENON_INLINE friend device_number cos(device_number x) { return device_number(tenon::cos(x.value)); }
  TENON_BOTH TENON_INLINE friend device_number erf(device_number x) { return device_number(tenon::erf(x.value)); }
};

TENON_KERNELS_END

namespace tenon {
template <class Leaf>
inline constexpr bool differentiates<device_number<Leaf>> = true;  // so scores have their slopes in it
template <class Leaf>
inline constexpr bool acts_as_number<device_number<Leaf>> = true;
}  // namespace tenon
