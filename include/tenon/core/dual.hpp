#pragma once
// Numbers that carry derivatives: write a score's or a gate's value once, evaluate it at a dual number, read the slope.
// Forward differentiation (Clifford 1873; Griewank and Walther 2008, chapter 3).

#include <tenon/core/math.hpp>
#include <tenon/core/number.hpp>

namespace tenon {

/// What a dual number is made of: a machine's float, or a number that computes like one and says so here.
template <class T>
inline constexpr bool differentiates = machine_float<T>;

/// A value and its derivatives along `Count` directions.
template <class T, int Count = 1>
  requires differentiates<T>
struct dual {
  T value{};
  T slope[Count]{};

  dual() = default;
  /// A constant.
  TENON_BOTH TENON_INLINE constexpr dual(T constant) : value(constant) {}
  /// The variable of direction `which`, at `at`.
  TENON_BOTH TENON_INLINE static constexpr dual variable(T at, int which = 0) {
    dual out(at);
    out.slope[which] = T(1);
    return out;
  }

  // f(u, v) with partial derivatives fu, fv: every rule below is this one.
  TENON_BOTH TENON_INLINE constexpr dual chain(T f, T fu) const {
    dual out(f);
    for (int i = 0; i < Count; ++i) out.slope[i] = fu * slope[i];
    return out;
  }
  TENON_BOTH TENON_INLINE static constexpr dual chain(T f, T fu, const dual& u, T fv, const dual& v) {
    dual out(f);
    for (int i = 0; i < Count; ++i) out.slope[i] = fu * u.slope[i] + fv * v.slope[i];
    return out;
  }

  TENON_BOTH TENON_INLINE constexpr dual operator-() const { return chain(-value, T(-1)); }
  TENON_BOTH TENON_INLINE friend constexpr dual operator+(const dual& a, const dual& b) { return chain(a.value + b.value, T(1), a, T(1), b); }
  TENON_BOTH TENON_INLINE friend constexpr dual operator-(const dual& a, const dual& b) { return chain(a.value - b.value, T(1), a, T(-1), b); }
  TENON_BOTH TENON_INLINE friend constexpr dual operator*(const dual& a, const dual& b) { return chain(a.value * b.value, b.value, a, a.value, b); }
  TENON_BOTH TENON_INLINE friend constexpr dual operator/(const dual& a, const dual& b) {
    const T quotient = a.value / b.value;
    return chain(quotient, T(1) / b.value, a, -quotient / b.value, b);
  }
  // With plain numbers of any kind: `cap * tanh(s / cap)` has a float on one side and perhaps a dual<double> on the other.
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator+(const dual& a, U b) { return a.chain(a.value + static_cast<T>(b), T(1)); }
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator+(U a, const dual& b) { return b + a; }
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator-(const dual& a, U b) { return a.chain(a.value - static_cast<T>(b), T(1)); }
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator-(U a, const dual& b) { return b.chain(static_cast<T>(a) - b.value, T(-1)); }
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator*(const dual& a, U b) { return a.chain(a.value * static_cast<T>(b), static_cast<T>(b)); }
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator*(U a, const dual& b) { return b * a; }
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator/(const dual& a, U b) { return a.chain(a.value / static_cast<T>(b), T(1) / static_cast<T>(b)); }
  template <class U>
    requires std::convertible_to<U, T>
  TENON_BOTH TENON_INLINE friend constexpr dual operator/(U a, const dual& b) { return dual(static_cast<T>(a)) / b; }

  TENON_BOTH TENON_INLINE constexpr dual& operator+=(const dual& b) { return *this = *this + b; }
  TENON_BOTH TENON_INLINE constexpr dual& operator-=(const dual& b) { return *this = *this - b; }
  TENON_BOTH TENON_INLINE constexpr dual& operator*=(const dual& b) { return *this = *this * b; }
  TENON_BOTH TENON_INLINE constexpr dual& operator/=(const dual& b) { return *this = *this / b; }

  // Comparisons look at values alone: a branch picks a piece, and each piece has its own slope.
  TENON_BOTH TENON_INLINE friend constexpr bool operator<(const dual& a, const dual& b) { return a.value < b.value; }
  TENON_BOTH TENON_INLINE friend constexpr bool operator>(const dual& a, const dual& b) { return a.value > b.value; }
  TENON_BOTH TENON_INLINE friend constexpr bool operator<=(const dual& a, const dual& b) { return a.value <= b.value; }
  TENON_BOTH TENON_INLINE friend constexpr bool operator>=(const dual& a, const dual& b) { return a.value >= b.value; }
};

template <class T, int Count>
inline constexpr bool acts_as_number<dual<T, Count>> = true;

template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> choose(bool condition, const dual<T, Count>& yes, const dual<T, Count>& no) {
  return condition ? yes : no;
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> abs(const dual<T, Count>& x) {
  return x.chain(abs(x.value), x.value < T(0) ? T(-1) : T(1));
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> exp(const dual<T, Count>& x) {
  const T y = exp(x.value);
  return x.chain(y, y);
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> exp2(const dual<T, Count>& x) {
  const T y = exp2(x.value);
  return x.chain(y, y * T(0.69314718055994530942));
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> log(const dual<T, Count>& x) {
  return x.chain(log(x.value), T(1) / x.value);
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> logistic(const dual<T, Count>& x) {
  const T y = logistic(x.value);
  return x.chain(y, y * logistic(-x.value));
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> tanh(const dual<T, Count>& x) {
  const T y = tanh(x.value);
  return x.chain(y, (T(1) - y) * (T(1) + y));
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> erf(const dual<T, Count>& x) {
  return x.chain(erf(x.value), T(1.12837916709551257390) * exp(-x.value * x.value));
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> sin(const dual<T, Count>& x) {
  return x.chain(sin(x.value), cos(x.value));
}
template <class T, int Count>
TENON_BOTH TENON_INLINE constexpr dual<T, Count> cos(const dual<T, Count>& x) {
  return x.chain(cos(x.value), -sin(x.value));
}

}  // namespace tenon
