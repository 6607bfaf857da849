#pragma once
// Elementary functions without branches, tables or calls, for float and double: a loop over a local array that applies
// them is vectorised by g++ -O2 and clang as it stands. libm's scalar tanh would cost more than a whole fused kernel.
// Errors are the largest found against long arithmetic (tests/core/math.cpp), in units in the last place; with or
// without fused multiply-add. Not for -ffast-math, which removes the rounding they rely on. Dual numbers: core/dual.hpp.
// Polynomials are minimax fits of our own (Remez exchange at 60 digits) on the reduced interval of each function.

#include <concepts>
#include <cstdint>
#include <limits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/config.hpp>

namespace tenon {

/// The numbers on which the functions below are defined directly.
template <class T>
concept machine_float = std::same_as<T, float> || std::same_as<T, double>;

namespace math_detail {

template <class T>
struct float_facts;
template <>
struct float_facts<float> {
  using bits = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr bits bias = 127;
  static constexpr float infinity = std::numeric_limits<float>::infinity(), least_normal = std::numeric_limits<float>::min(),
                         not_a_number = std::numeric_limits<float>::quiet_NaN();
  static constexpr float magic = 0x1.8p23f;                             // x + magic rounds x to an integer, in the low bits
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;  // high: 15 bits, so that n * high is exact
  static constexpr float half_pi[3] = {1.5703125f, 4.837512969970703125e-4f, 7.54978995489188216e-8f};
};
template <>
struct float_facts<double> {
  using bits = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr bits bias = 1023;
  static constexpr double infinity = std::numeric_limits<double>::infinity(), least_normal = std::numeric_limits<double>::min(),
                          not_a_number = std::numeric_limits<double>::quiet_NaN();
  static constexpr double magic = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double half_pi[3] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
};

}  // namespace math_detail

/// condition ? yes : no, in bits. As conditional expressions, two in a row (a clamp) become one join of three paths, which
/// the vectoriser of g++ 12 -O2 refuses.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T choose(bool condition, T yes, T no) {
  using Bits = typename math_detail::float_facts<T>::bits;
  const Bits mask = Bits{0} - static_cast<Bits>(condition);
  return bit_cast<T>((bit_cast<Bits>(yes) & mask) | (bit_cast<Bits>(no) & ~mask));
}

namespace math_detail {

// c0 + x (c1 + x (c2 + ...)). Recursion, not a loop: nothing is left to unroll when the caller's loop is vectorised.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T horner(T, T c) {
  return c;
}
template <machine_float T, std::same_as<T>... Rest>
TENON_BOTH TENON_INLINE constexpr T horner(T x, T c, T next, Rest... rest) {
  return c + x * horner(x, next, rest...);
}

// Whole numbers are held modulo the width of T, as bits: what NaN leaves in them is never an overflow.

// 2^n, |n| at most bias.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T power_of_two(typename float_facts<T>::bits n) {
  using facts = float_facts<T>;
  return bit_cast<T>((n + facts::bias) << facts::mantissa);
}
// x 2^n for |n| up to twice the bias: in two steps, so that results overflow to infinity and fade through subnormals.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T scale_by_two(T x, typename float_facts<T>::bits n) {
  const auto half = ((n + 4096) >> 1) - 2048;  // a logical shift: every instruction set has it
  return x * power_of_two<T>(half) * power_of_two<T>(n - half);
}
// The integer nearest x, as T and as an integer.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T round_to(T x, typename float_facts<T>::bits& n) {
  using facts = float_facts<T>;
  const T shifted = x + facts::magic;
  n = bit_cast<typename facts::bits>(shifted) - bit_cast<typename facts::bits>(facts::magic);
  return shifted - facts::magic;
}
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T magnitude(T x) {
  using facts = float_facts<T>;
  return bit_cast<T>(static_cast<typename facts::bits>(bit_cast<typename facts::bits>(x) << 1) >> 1);
}
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T with_sign_of(T magnitude, T sign) {
  using Bits = typename float_facts<T>::bits;
  constexpr Bits top = Bits{1} << (8 * sizeof(T) - 1);
  return bit_cast<T>(bit_cast<Bits>(magnitude) | (bit_cast<Bits>(sign) & top));
}
// e^r - 1 for |r| <= ln 2 / 2.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T expm1_reduced(T r) {
  if constexpr (std::same_as<T, float>)
    return r + r * r * horner(r, 0.5f, 0.1666652195f, 0.04166638801f, 0.008368604782f, 0.00139419206f);
  else
    return r + r * r * horner(r, 0.5, 0.166666666666666848, 0.0416666666666048799, 0.00833333333331480567, 0.001388888892651073, 0.000198412699032402956,
                              0.0000248015089655424369, 2.75572274096049542e-6, 2.76250963436767593e-7, 2.51147152086695692e-8);
}
// n and r of x = n ln 2 + r.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T reduce_by_ln2(T x, typename float_facts<T>::bits& n) {
  using facts = float_facts<T>;
  const T whole = round_to(x * T(1.44269504088896340736), n);
  return (x - whole * facts::ln2_high) - whole * facts::ln2_low;
}

}  // namespace math_detail

/// |x|; NaN stays NaN.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T abs(T x) {
  return math_detail::magnitude(x);
}

/// e^x. Overflows to infinity, underflows through subnormals to 0. At most 1.25 ulp.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T exp(T x) {
  constexpr T high = std::same_as<T, float> ? T(89) : T(710), low = std::same_as<T, float> ? T(-105) : T(-746);
  x = choose(x > high, high, x);
  x = choose(x < low, low, x);
  typename math_detail::float_facts<T>::bits n = 0;
  const T r = math_detail::reduce_by_ln2(x, n);
  return math_detail::scale_by_two(T(1) + math_detail::expm1_reduced(r), n);
}

/// 2^x, as exp. At most 1.25 ulp.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T exp2(T x) {
  constexpr T high = std::same_as<T, float> ? T(129) : T(1025), low = std::same_as<T, float> ? T(-151) : T(-1076);
  x = choose(x > high, high, x);
  x = choose(x < low, low, x);
  typename math_detail::float_facts<T>::bits n = 0;
  const T f = x - math_detail::round_to(x, n);
  T power;
  if constexpr (std::same_as<T, float>)
    power = T(1) + f * math_detail::horner(f, 0.6931472054f, 0.2402265134f, 0.05550328876f, 0.009618004658f, 0.001339996011f, 0.0001547612524f);
  else
    power = T(1) + f * math_detail::horner(f, 0.693147180559945308, 0.240226506959101314, 0.0555041086648217371, 0.00961812910759391844,
                                      0.00133335581463798615, 0.000154035304574515304, 0.0000152527338669155024, 1.32154350895995395e-6,
                                      1.01780466758757872e-7, 7.07381868041926636e-9, 4.45735985540760766e-10);
  return math_detail::scale_by_two(power, n);
}

/// The natural logarithm. -infinity at 0, NaN below. At most 1 ulp.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T log(T x) {
  using facts = math_detail::float_facts<T>;
  using Bits = typename facts::bits;
  constexpr T infinity = facts::infinity;
  constexpr T lift = std::same_as<T, float> ? T(0x1p25) : T(0x1p54);
  const bool subnormal = x < facts::least_normal;
  const T y = choose(subnormal, x * lift, x);
  // y = m 2^e with m in [sqrt 1/2, sqrt 2): exponents are counted from sqrt 1/2.
  const Bits origin = bit_cast<Bits>(T(0.70710678118654752440));
  const Bits distance = bit_cast<Bits>(y) - origin;
  constexpr Bits half = Bits{1} << (8 * sizeof(T) - facts::mantissa - 1);  // makes the field positive: the shift may be a logical one
  const Bits e = ((distance + (half << facts::mantissa)) >> facts::mantissa) - half;
  const T m = bit_cast<T>(bit_cast<Bits>(y) - (e << facts::mantissa));
  const T offset = choose(subnormal, std::same_as<T, float> ? T(25) : T(54), T(0));
  const T k = (bit_cast<T>(bit_cast<Bits>(facts::magic) + e) - facts::magic) - offset;
  const T f = m - T(1), s = f / (T(2) + f), z = s * s, half_square = T(0.5) * f * f;
  T tail;
  if constexpr (std::same_as<T, float>)
    tail = z * math_detail::horner(z, 0.6666666583f, 0.4000030314f, 0.2853898898f, 0.2355481427f);
  else
    tail = z * math_detail::horner(z, 0.666666666666669922, 0.39999999999609019, 0.285714287046690197, 0.222222020427976412, 0.181833998478923562,
                              0.153179360784324736, 0.147597281027991702);
  T out = k * facts::ln2_high - ((half_square - (s * (half_square + tail) + k * facts::ln2_low)) - f);
  out = choose(x == T(0), -infinity, out);
  out = choose(x < T(0), facts::not_a_number, out);
  return choose(x < infinity, out, x);  // infinity and NaN stay
}

/// 1 / (1 + e^-x), the logistic function. At most 3 ulp where the result is normal, 0 below.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T logistic(T x) {
  return T(1) / (T(1) + exp(-x));
}

/// The hyperbolic tangent. At most 3 ulp.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T tanh(T x) {
  constexpr T flat = std::same_as<T, float> ? T(20) : T(40);  // beyond, the result rounds to 1
  T y = T(2) * math_detail::magnitude(x);
  y = choose(y > flat, flat, y);
  typename math_detail::float_facts<T>::bits n = 0;
  const T r = math_detail::reduce_by_ln2(y, n);
  const T power = math_detail::power_of_two<T>(n);
  const T expm1 = power * math_detail::expm1_reduced(r) + (power - T(1));
  return math_detail::with_sign_of(expm1 / (expm1 + T(2)), x);
}

/// The error function. At most 2 ulp.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T erf(T x) {
  constexpr T flat = std::same_as<T, float> ? T(3.95) : T(5.95);
  const T a = math_detail::magnitude(x), z = a * a;
  const T t = choose(a > flat, flat, a);
  T near, fall;  // erf(a) = a + a near for small a, else 1 - e^-fall
  if constexpr (std::same_as<T, float>) {
    near = math_detail::horner(z, 0.1283791666f, -0.376126332f, 0.1128368635f, -0.02685885124f, 0.005199599915f, -0.0008125807237f, 8.29661288e-5f);
    fall = math_detail::horner(t, -0.000178451124f, 1.129533143f, 0.6333098892f, 0.1083210563f, -0.02514606883f, 0.004181237138f, -0.0004365741137f, 2.127868267e-5f);
  } else {
    near = math_detail::horner(z, 0.128379167095512574, -0.376126389031837515, 0.112837916709550642, -0.026866170645115764, 0.00522397762523972021,
                          -0.000854832700769108431, 0.000120553321937424666, -0.000014925623918897254, 1.64615058929842918e-6,
                          -1.63561948899382347e-7, 1.4703153846667502e-8, -1.15565037447136107e-9, 6.29720757746957717e-11);
    fall = math_detail::horner(t, 9.68879713364206487e-8, 1.12837814861222878, 0.636624707732902581, 0.102758053849222054, -0.0190995558027932137,
                          -0.000249268034467508094, 0.00173424741570004451, -0.000610995752738550308, 0.0000241039968410525846,
                          0.0000816967639482318454, -0.0000499839521355910814, 0.0000182338853382872849, -4.79977691626077224e-6,
                          9.5189062418272498e-7, -1.42264417194110937e-7, 1.56183837072901609e-8, -1.19170619530942702e-9,
                          5.65174492069700307e-11, -1.25493913835430684e-12);
  }
  const T inner = a + a * near, outer = T(1) - exp(-fall);
  return math_detail::with_sign_of(choose(a < T(0.9375), inner, outer), x);
}

namespace math_detail {

// sin (quarter = 0) or cos (quarter = 1) by the remainder of x modulo pi/2 and two polynomials.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T circular(T x, typename float_facts<T>::bits quarter) {
  using facts = float_facts<T>;
  using Bits = typename facts::bits;
  Bits n = 0;
  const T whole = round_to(x * T(0.63661977236758134308), n);
  const T r = ((x - whole * facts::half_pi[0]) - whole * facts::half_pi[1]) - whole * facts::half_pi[2], z = r * r;
  T sine, cosine;
  if constexpr (std::same_as<T, float>) {
    sine = r + r * z * horner(z, -0.1666665493f, 0.00833217626f, -0.0001951694965f);
    cosine = (T(1) - T(0.5) * z) + z * z * horner(z, 0.041666647f, -0.001388737184f, 2.443875937e-5f);
  } else {
    sine = r + r * z * horner(z, -0.166666666666666324, 0.0083333333333224563, -0.00019841269829817005, 2.75573136891550551e-6, -2.50507569835479807e-8, 1.5896697863369243e-10);
    cosine = (T(1) - T(0.5) * z) + z * z * horner(z, 0.0416666666666666125, -0.00138888888888759992, 0.0000248015872904864613, -2.75573146069151475e-7, 2.08757541437046378e-9, -1.13610913600161672e-11);
  }
  const Bits q = n + quarter;
  const T value = choose((q & 1) != 0, cosine, sine);
  return bit_cast<T>(bit_cast<Bits>(value) ^ ((q & 2) << (8 * sizeof(T) - 2)));
}

}  // namespace math_detail

/// The sine and cosine of x radians, |x| <= 6000 (float) or 1.5e6 (double). Absolute error at most 1 ulp of 1.
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T sin(T x) {
  return math_detail::circular(x, 0);
}
template <machine_float T>
TENON_BOTH TENON_INLINE constexpr T cos(T x) {
  return math_detail::circular(x, 1);
}

}  // namespace tenon
