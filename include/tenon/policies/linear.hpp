#pragma once
// Linear attention: out = phi(q) S / (phi(q) . z), S = sum phi(k)^T v, z = sum phi(k), 0 where the denominator is 0. Linear in the
// number of keys, and a state of constant size to decode from [Katharopoulos et al. 2020]. Features phi are a small object with
//   int count(int dim) const;                                              how many there are of `dim` numbers
//   template <class T> void map(const T* x, int dim, position p, side, T* to) const;             to [count] = phi(x)
//   template <class T> void pull(const T* x, int dim, position p, side, T* d, T* dx) const;  dx [dim] += d phi / d x times d
// GPUs take features that look at one number at a time, which also have
//   template <class T> T value(T x) const;  template <class T> T slope(T x) const;
// random_exponentials, and with_waves over either.
// p has the position of the query or key (both members hold it) and its query head; the features of keys do not look at the head.
// Features with operands of their own that are learned also have
//   bool learning() const;                                                                      whether anybody asked
//   template <class T> void learn(const T* x, int dim, position p, const T* d, T* room) const;  of queries; room [count]

#include <cstddef>
#include <type_traits>

#include <tenon/core/math.hpp>
#include <tenon/policies/mask.hpp>

namespace tenon {

/// Whose features are asked for.
enum class side : unsigned char { query, key };

namespace linear_detail {

// One feature per number: Own::value and Own::slope say which.
template <class Own>
struct elementwise {
  TENON_BOTH constexpr int count(int dim) const { return dim; }
  template <class T>
  TENON_BOTH constexpr void map(const T* x, int dim, position, side, T* to) const {
    for (int d = 0; d < dim; ++d) to[d] = Own::value(x[d]);
  }
  template <class T>
  TENON_BOTH constexpr void pull(const T* x, int dim, position, side, T* d, T* dx) const {
    for (int i = 0; i < dim; ++i) dx[i] += d[i] * Own::slope(x[i]);
  }
};

}  // namespace linear_detail

/// phi(x) = elu(x) + 1: x + 1 above 0, e^x below.
struct elu_plus_one : linear_detail::elementwise<elu_plus_one> {
  template <class T>
  TENON_BOTH TENON_INLINE static constexpr T value(T x) {
    return x > T(0) ? x + T(1) : exp(x);
  }
  template <class T>
  TENON_BOTH TENON_INLINE static constexpr T slope(T x) {
    return x > T(0) ? T(1) : exp(x);
  }
};

/// phi(x) = max(x, 0). A query all of whose numbers are negative sees nothing: its output is 0.
struct relu_features : linear_detail::elementwise<relu_features> {
  template <class T>
  TENON_BOTH TENON_INLINE static constexpr T value(T x) {
    return x > T(0) ? x : T(0);
  }
  template <class T>
  TENON_BOTH TENON_INLINE static constexpr T slope(T x) {
    return x > T(0) ? T(1) : T(0);
  }
};

/// phi_m(x) = exp(w_m . y - |y|^2 / 2) / sqrt(size), y = x dim^(-1/4): positive random features, whose products estimate
/// exp(q . k / sqrt(dim)) [Choromanski et al. 2021]. directions [size][dim], usually drawn from a normal distribution.
struct random_exponentials {
  const float* directions;
  int size;

  TENON_BOTH constexpr int count(int) const { return size; }
  template <class T>
  TENON_BOTH constexpr void map(const T* x, int dim, position, side, T* to) const {
    const T by = scale<T>(dim);
    T square = 0;
    for (int d = 0; d < dim; ++d) square += x[d] * by * x[d] * by;
    for (int m = 0; m < size; ++m) {
      T dot = 0;
      for (int d = 0; d < dim; ++d) dot += T(directions[m * dim + d]) * x[d] * by;
      to[m] = of_row(dot, square) * share<T>();
    }
  }
  template <class T>
  TENON_BOTH constexpr void pull(const T* x, int dim, position p, side of, T* d, T* dx) const {
    const T by = scale<T>(dim);
    T one = 0;
    for (int m = 0; m < size; ++m) {
      const random_exponentials alone{directions + m * dim, 1};
      alone.map(x, dim, p, of, &one);
      const T slope = d[m] * one * share<T>() * by;
      for (int i = 0; i < dim; ++i) dx[i] += slope * (T(directions[m * dim + i]) - x[i] * by);
    }
  }

  // As machines take it that have all products of a row with directions: y = x times `scale`, a feature `of_row` of w_m . y and |y|^2, times `share`.
  /// dim^(-1/4)
  template <class T>
  TENON_BOTH static constexpr T scale(int dim) {
    return T(1 / __builtin_sqrt(__builtin_sqrt(static_cast<double>(dim))));
  }
  /// size^(-1/2)
  template <class T>
  TENON_BOTH constexpr T share() const {
    return T(1 / __builtin_sqrt(static_cast<double>(size)));
  }
  /// exp(dot - square / 2), more than 0, of dot = w_m . y and square = |y|^2
  template <class T>
  TENON_BOTH TENON_INLINE static constexpr T of_row(T dot, T square) {
    return exp(dot - square * T(0.5));
  }
};

/// What the two features of a term are multiplied by: of a key cos(w j) and sin(w j), of a query what goes with each.
template <class T>
struct wave {
  T even, odd;
};

/// The compressed form of 3D attention: w(i, j) = (phi(q_i) . phi(k_j)) (c + sum_f a_f cos(w_f (i - j)) + b_f sin(w_f (i - j))),
/// w_f = first ratio^f, c = floor + sum_f sqrt(a_f^2 + b_f^2): no weight is negative where floor is not. Exact, with 2 terms + 1 times the
/// features. a and b [head][terms] are learned: d_cosine and d_sine, both or neither.
template <class Features>
struct with_waves {
  Features inner;
  const float *cosine, *sine;
  int terms;
  float floor = 1.0f, first = 1.0f, ratio = 0.5f;
  float *d_cosine = nullptr, *d_sine = nullptr;

  TENON_BOTH constexpr int count(int dim) const { return parts() * inner.count(dim); }
  template <class T>
  TENON_BOTH constexpr void map(const T* x, int dim, position p, side of, T* to) const {
    const int size = inner.count(dim);
    inner.map(x, dim, p, of, to);
    for (int f = 0; f < terms; ++f) {
      const wave<T> by = wave_of<T>(f, p, of);
      for (int n = 0; n < size; ++n) to[(1 + 2 * f) * size + n] = to[n] * by.even, to[(2 + 2 * f) * size + n] = to[n] * by.odd;
    }
    const T c = of == side::query ? T(constant(p.head)) : T(1);
    for (int n = 0; n < size; ++n) to[n] *= c;
  }
  template <class T>
  TENON_BOTH constexpr void pull(const T* x, int dim, position p, side of, T* d, T* dx) const {
    const int size = inner.count(dim);
    const T c = of == side::query ? T(constant(p.head)) : T(1);
    for (int n = 0; n < size; ++n) d[n] *= c;
    for (int f = 0; f < terms; ++f) {
      const wave<T> by = wave_of<T>(f, p, of);
      for (int n = 0; n < size; ++n) d[n] += d[(1 + 2 * f) * size + n] * by.even + d[(2 + 2 * f) * size + n] * by.odd;
    }
    inner.pull(x, dim, p, of, d, dx);
  }

  TENON_BOTH constexpr bool learning() const { return d_cosine != nullptr; }
  /// Adds the gradients of a and b of p's head, given d [count], that of the features of its query x. room [count].
  template <class T>
  TENON_BOTH constexpr void learn(const T* x, int dim, position p, const T* d, T* room) const {
    const int size = inner.count(dim);
    inner.map(x, dim, p, side::query, room);
    const auto along = [&](int part) {
      T sum = 0;
      for (int n = 0; n < size; ++n) sum += room[n] * d[part * size + n];
      return sum;
    };
    const T d_constant = along(0);
    for (int f = 0; f < terms; ++f) {
      const wave<T> at = of_key<T>(f, p.query);
      const T even = along(1 + 2 * f), odd = along(2 + 2 * f);
      add_learned(f, p.head, wave<T>{even * at.even + odd * at.odd, even * at.odd - odd * at.even}, d_constant);
    }
  }

  // As machines take them that keep the parts apart: part 0 is phi, of a query times `constant`; parts 1 + 2 f and 2 + 2 f are phi times the wave of term f.
  TENON_BOTH TENON_INLINE constexpr int parts() const { return 2 * terms + 1; }
  template <class T>
    requires requires(const Features& features, T x) { features.value(x); }
  TENON_BOTH TENON_INLINE constexpr T value(T x) const {
    return inner.value(x);
  }
  template <class T>
    requires requires(const Features& features, T x) { features.slope(x); }
  TENON_BOTH TENON_INLINE constexpr T slope(T x) const {
    return inner.slope(x);
  }
  TENON_BOTH constexpr float constant(int head) const {
    float c = floor;
    for (int f = 0; f < terms; ++f) {
      const float a = cosine[operand(f, head)], b = sine[operand(f, head)];
      c += __builtin_sqrtf(a * a + b * b);
    }
    return c;
  }
  /// Of keys at a position. In double, as positions grow while their differences stay small.
  template <class T>
  TENON_BOTH constexpr wave<T> of_key(int term, int at) const {
    float frequency = first;
    for (int f = 0; f < term; ++f) frequency *= ratio;
    const double angle = static_cast<double>(frequency) * at;
    return {T(cos(angle)), T(sin(angle))};
  }
  /// Of queries of a head where keys have `key`: cos(w (i - j)) = cos i cos j + sin i sin j, sin(w (i - j)) = sin i cos j - cos i sin j.
  template <class T>
  TENON_BOTH TENON_INLINE constexpr wave<T> of_query(int term, int head, wave<T> key) const {
    const T a = T(cosine[operand(term, head)]), b = T(sine[operand(term, head)]);
    return {a * key.even + b * key.odd, a * key.odd - b * key.even};
  }
  /// Adds the gradients of a and b of a term, given those in its wave alone and that of the constant, which they are part of.
  template <class T>
  TENON_BOTH constexpr void add_learned(int term, int head, wave<T> own, T d_constant) const {
    const float a = cosine[operand(term, head)], b = sine[operand(term, head)], length = __builtin_sqrtf(a * a + b * b), by = length == 0 ? 0.0f : 1 / length;
    d_cosine[operand(term, head)] += static_cast<float>(own.even + d_constant * T(by * a));
    d_sine[operand(term, head)] += static_cast<float>(own.odd + d_constant * T(by * b));
  }

 private:
  TENON_BOTH TENON_INLINE constexpr std::ptrdiff_t operand(int term, int head) const { return static_cast<std::ptrdiff_t>(head) * terms + term; }
  template <class T>
  TENON_BOTH constexpr wave<T> wave_of(int term, position p, side of) const {
    const wave<T> key = of_key<T>(term, p.query);
    return of == side::key ? key : of_query(term, p.head, key);
  }
};

/// Linear attention as a weighting: `linear{.features = elu_plus_one{}}`; for nvcc, which deduces nothing from named members, `linear<elu_plus_one>{}`.
template <class Features = elu_plus_one>
struct linear {
  Features features{};
};
template <class Features>
linear(Features) -> linear<Features>;

/// Masks that look at the key alone: full, prefix, padding, and what `&`, `|` and `!` make of these.
template <class Mask>
inline constexpr bool position_free = std::is_same_v<Mask, full> || std::is_same_v<Mask, prefix> || std::is_same_v<Mask, padding>;
template <class A, class B>
inline constexpr bool position_free<both<A, B>> = position_free<A> && position_free<B>;
template <class A, class B>
inline constexpr bool position_free<either<A, B>> = position_free<A> && position_free<B>;
template <class A>
inline constexpr bool position_free<except<A>> = position_free<A>;

/// Whether a mask is causal, perhaps `&` one that is position_free.
template <class Mask>
inline constexpr bool causal_and_free = std::is_same_v<Mask, causal>;
template <class A, class B>
inline constexpr bool causal_and_free<both<A, B>> = (causal_and_free<A> && (causal_and_free<B> || position_free<B>)) || (position_free<A> && causal_and_free<B>);

}  // namespace tenon
