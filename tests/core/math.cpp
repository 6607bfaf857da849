// The elementary functions against libm in the next wider format: the bounds that core/math.hpp states, in units in the last place.

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include <tenon/core/dual.hpp>
#include <tenon/core/math.hpp>

namespace {

template <class T>
using wider = std::conditional_t<std::is_same_v<T, float>, double, long double>;

// |got - want| in units of the last place of `want` as a T (of the smallest normal number where it is less).
template <class T>
double ulps(T got, wider<T> want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e9;
  const T nearest = static_cast<T>(want);
  if (std::isinf(nearest)) return got == nearest ? 0 : 1e9;
  int exponent = 0;
  std::frexp(nearest, &exponent);
  const int least = std::numeric_limits<T>::min_exponent;
  exponent = exponent < least ? least : exponent;
  const auto unit = std::ldexp(wider<T>(1), exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs((static_cast<wider<T>>(got) - want) / unit));
}

// The largest error over [low, high]: `count` evenly spaced points, and `count` spread evenly over the floats between.
template <class T, class F, class G>
double worst(T low, T high, int count, F&& f, G&& exact) {
  double most = 0;
  const auto look = [&](T x) {
    if (x < low || x > high || std::isnan(x)) return;
    const double error = ulps(f(x), exact(static_cast<wider<T>>(x)));
    most = error > most ? error : most;
  };
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const Bits step = std::numeric_limits<Bits>::max() / static_cast<Bits>(count);
  for (int i = 0; i <= count; ++i) {
    look(low + (high - low) * (static_cast<T>(i) / static_cast<T>(count)));
    look(std::bit_cast<T>(static_cast<Bits>(static_cast<Bits>(i) * step + 77)));
  }
  return most;
}

}  // namespace

#define TENON_TYPES float, double

TEST_CASE_TEMPLATE("exp and exp2 are within 1.25 ulp, subnormal results and overflow included", T, TENON_TYPES) {
  const T edge = std::is_same_v<T, float> ? T(106) : T(760), edge2 = std::is_same_v<T, float> ? T(152) : T(1080);
  CHECK(worst<T>(-edge, edge, 200000, [](T x) { return tenon::exp(x); }, [](auto x) { return std::exp(x); }) <= 1.25);
  CHECK(worst<T>(-edge2, edge2, 200000, [](T x) { return tenon::exp2(x); }, [](auto x) { return std::exp2(x); }) <= 1.25);
  constexpr T infinity = std::numeric_limits<T>::infinity();
  CHECK(tenon::exp(infinity) == infinity);
  CHECK(tenon::exp(-infinity) == 0);
  CHECK(tenon::exp(T(0)) == 1);
  CHECK(tenon::exp2(T(10)) == 1024);
  CHECK(tenon::exp2(-infinity) == 0);
  CHECK(std::isnan(tenon::exp(std::numeric_limits<T>::quiet_NaN())));
}

TEST_CASE_TEMPLATE("log is within 1 ulp on all positive numbers, subnormal ones included", T, TENON_TYPES) {
  const auto exact = [](auto x) { return std::log(x); };
  CHECK(worst<T>(std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::max(), 200000, [](T x) { return tenon::log(x); }, exact) <= 1.0);
  CHECK(worst<T>(T(0.4), T(2.5), 200000, [](T x) { return tenon::log(x); }, exact) <= 1.0);
  constexpr T infinity = std::numeric_limits<T>::infinity();
  CHECK(tenon::log(T(0)) == -infinity);
  CHECK(tenon::log(infinity) == infinity);
  CHECK(tenon::log(T(1)) == 0);
  CHECK(std::isnan(tenon::log(T(-1))));
  CHECK(std::isnan(tenon::log(std::numeric_limits<T>::quiet_NaN())));
}

TEST_CASE_TEMPLATE("tanh and logistic are within 3 ulp, erf within 2", T, TENON_TYPES) {
  const T wide = std::is_same_v<T, float> ? T(87) : T(700);
  CHECK(worst<T>(-wide, wide, 200000, [](T x) { return tenon::tanh(x); }, [](auto x) { return std::tanh(x); }) <= 3.0);
  CHECK(worst<T>(T(-4), T(4), 200000, [](T x) { return tenon::tanh(x); }, [](auto x) { return std::tanh(x); }) <= 3.0);
  CHECK(worst<T>(-wide, wide, 200000, [](T x) { return tenon::erf(x); }, [](auto x) { return std::erf(x); }) <= 2.0);
  CHECK(worst<T>(T(-6), T(6), 200000, [](T x) { return tenon::erf(x); }, [](auto x) { return std::erf(x); }) <= 2.0);
  CHECK(worst<T>(-wide, wide, 200000, [](T x) { return tenon::logistic(x); }, [](auto x) { return 1 / (1 + std::exp(-x)); }) <= 3.0);
  constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  CHECK(tenon::tanh(infinity) == 1);
  CHECK(tenon::tanh(-infinity) == -1);
  CHECK(tenon::erf(infinity) == 1);
  CHECK(tenon::erf(-infinity) == -1);
  CHECK(tenon::logistic(-infinity) == 0);
  CHECK(tenon::logistic(infinity) == 1);
  CHECK(std::signbit(tenon::tanh(T(-0.0))));
  CHECK(std::isnan(tenon::tanh(nan)));
  CHECK(std::isnan(tenon::erf(nan)));
  CHECK(std::isnan(tenon::logistic(nan)));
}

TEST_CASE_TEMPLATE("sin and cos are within 1 ulp of 1 in their range", T, TENON_TYPES) {
  const T edge = std::is_same_v<T, float> ? T(6000) : T(1.5e6);
  const auto unit = std::ldexp(wider<T>(1), -std::numeric_limits<T>::digits + 1);
  for (const T range : {T(4), T(100), edge}) {
    wider<T> most = 0;
    for (int i = 0; i <= 100000; ++i) {
      const T x = -range + 2 * range * (static_cast<T>(i) / T(100000));
      const auto exact = static_cast<wider<T>>(x);
      most = std::fmax(most, std::fabs(static_cast<wider<T>>(tenon::sin(x)) - std::sin(exact)));
      most = std::fmax(most, std::fabs(static_cast<wider<T>>(tenon::cos(x)) - std::cos(exact)));
    }
    CHECK(most <= unit);
  }
}

TEST_CASE("dual numbers carry the derivative of every function") {
  using tenon::dual;
  const auto agrees = [](auto&& f, double x) {
    const double h = 1e-5;
    const double numeric = (f(x + h) - f(x - h)) / (2 * h);
    const double slope = f(dual<double>::variable(x)).slope[0];
    CHECK(f(dual<double>::variable(x)).value == doctest::Approx(f(x)).epsilon(1e-15));  // contraction to fma may differ
    CHECK(slope == doctest::Approx(numeric).epsilon(1e-8));
  };
  for (const double x : {0.3, 0.9, 1.7, 3.1}) {
    agrees([](auto v) { return exp(v); }, x);
    agrees([](auto v) { return exp2(v); }, x);
    agrees([](auto v) { return log(v); }, x);
    agrees([](auto v) { return tanh(v); }, x);
    agrees([](auto v) { return erf(v); }, x);
    agrees([](auto v) { return sin(v); }, x);
    agrees([](auto v) { return cos(v); }, x);
    agrees([](auto v) { using tenon::logistic; return logistic(v); }, x);
    agrees([](auto v) { using tenon::abs; return abs(v - 1.0) * abs(v); }, x);
    agrees([](auto v) { return (2.0 * v + 1.0) / (3.0 - v * v * 0.1f) - 4.0 / v + (-v) * 2; }, x);
  }
  // Two directions at once: d(xy + y/x).
  const auto x = dual<double, 2>::variable(2.0, 0), y = dual<double, 2>::variable(3.0, 1);
  auto f = x * y;
  f += y / x;
  CHECK(f.value == 7.5);
  CHECK(f.slope[0] == doctest::Approx(3.0 - 0.75));
  CHECK(f.slope[1] == doctest::Approx(2.5));
  CHECK(x < y);
  CHECK(tenon::number<dual<float>>);
}

// Usable at compile time.
static_assert(tenon::exp(0.0f) == 1.0f && tenon::log(1.0) == 0.0 && tenon::tanh(100.0) == 1.0);
