#pragma once
// Linear attention: out = phi(q) S / (phi(q) . z), S = sum phi(k)^T v, z = sum phi(k), 0 where the denominator is 0. Linear in the
// number of keys, and a state of constant size to decode from [Katharopoulos et al. 2020]. Features phi are a small object with
//   int count(int dim) const;                                              how many there are of `dim` numbers
//   template <class T> void map(const T* x, int dim, position p, side, T* to) const;             to [count] = phi(x)
//   template <class T> void pull(const T* x, int dim, position p, side, T* d, T* dx) const;  dx [dim] += d phi / d x times d
// GPUs take features that look at one number at a time, which also have
//   template <class T> T value(T x) const;  template <class T> T slope(T x) const;
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
      to[m] = exp(dot - square / T(2)) / T(__builtin_sqrt(static_cast<double>(size)));
    }
  }
  template <class T>
  TENON_BOTH constexpr void pull(const T* x, int dim, position p, side of, T* d, T* dx) const {
    const T by = scale<T>(dim);
    T one = 0;
    for (int m = 0; m < size; ++m) {
      const random_exponentials alone{directions + m * dim, 1};
      alone.map(x, dim, p, of, &one);
      const T share = d[m] * one / T(__builtin_sqrt(static_cast<double>(size))) * by;
      for (int i = 0; i < dim; ++i) dx[i] += share * (T(directions[m * dim + i]) - x[i] * by);
    }
  }

 private:
  template <class T>
  TENON_BOTH static constexpr T scale(int dim) {
    return T(1 / __builtin_sqrt(__builtin_sqrt(static_cast<double>(dim))));
  }
};

/// The compressed form of 3D attention: w(i, j) = (phi(q_i) . phi(k_j)) (c + sum_f a_f cos(w_f (i - j)) + b_f sin(w_f (i - j))),
/// w_f = first ratio^f, exactly, with 2 terms + 1 times the features. a and b [head][terms], c [head]. Weights are not negative where c
/// is at least sum_f sqrt(a_f^2 + b_f^2). All three are learned: d_cosine, d_sine and d_constant, all or none.
template <class Features>
struct with_waves {
  Features inner;
  const float *cosine, *sine;
  int terms;
  const float* constant;
  float first = 1.0f, ratio = 0.5f;
  float *d_cosine = nullptr, *d_sine = nullptr, *d_constant = nullptr;

  TENON_BOTH constexpr int count(int dim) const { return (2 * terms + 1) * inner.count(dim); }
  template <class T>
  TENON_BOTH constexpr void map(const T* x, int dim, position p, side of, T* to) const {
    const int size = inner.count(dim);
    inner.map(x, dim, p, of, to);
    each_term<T>(p, of, [&](int f, T even, T odd) {
      for (int n = 0; n < size; ++n) to[(1 + 2 * f) * size + n] = to[n] * even, to[(2 + 2 * f) * size + n] = to[n] * odd;
    });
    for (int n = 0; of == side::query && n < size; ++n) to[n] *= T(constant[p.head]);
  }
  template <class T>
  TENON_BOTH constexpr void pull(const T* x, int dim, position p, side of, T* d, T* dx) const {
    const int size = inner.count(dim);
    for (int n = 0; of == side::query && n < size; ++n) d[n] *= T(constant[p.head]);
    each_term<T>(p, of, [&](int f, T even, T odd) {
      for (int n = 0; n < size; ++n) d[n] += d[(1 + 2 * f) * size + n] * even + d[(2 + 2 * f) * size + n] * odd;
    });
    inner.pull(x, dim, p, of, d, dx);
  }

  TENON_BOTH constexpr bool learning() const { return d_cosine != nullptr; }
  /// Adds the gradients of a, b and c of p's head, given d [count], that of the features of its query x. room [count].
  template <class T>
  TENON_BOTH constexpr void learn(const T* x, int dim, position p, const T* d, T* room) const {
    const int size = inner.count(dim);
    inner.map(x, dim, p, side::query, room);
    const auto along = [&](int part) {
      T sum = 0;
      for (int n = 0; n < size; ++n) sum += room[n] * d[part * size + n];
      return sum;
    };
    d_constant[p.head] += static_cast<float>(along(0));
    float* const to[] = {d_cosine + static_cast<std::ptrdiff_t>(p.head) * terms, d_sine + static_cast<std::ptrdiff_t>(p.head) * terms};
    each_term<T>(p, side::key, [&](int f, T c, T s) {
      const T even = along(1 + 2 * f), odd = along(2 + 2 * f);
      to[0][f] += static_cast<float>(even * c + odd * s);
      to[1][f] += static_cast<float>(even * s - odd * c);
    });
  }

 private:
  // cos(w (i - j)) = cos i cos j + sin i sin j, sin(w (i - j)) = sin i cos j - cos i sin j: what goes with cos j and with sin j. In
  // double, as i and j grow while their difference stays small.
  template <class T, class F>
  TENON_BOTH constexpr void each_term(position p, side of, const F& f) const {
    float frequency = first;
    for (int t = 0; t < terms; ++t, frequency *= ratio) {
      const double angle = static_cast<double>(frequency) * p.query;
      const T c = T(cos(angle)), s = T(sin(angle));
      const T a = T(cosine[p.head * terms + t]), b = T(sine[p.head * terms + t]);
      if (of == side::key)
        f(t, c, s);
      else
        f(t, a * c + b * s, a * s - b * c);
    }
  }
};

/// Linear attention as a weighting: `linear{.features = elu_plus_one{}}`.
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
