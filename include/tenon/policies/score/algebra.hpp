#pragma once
// What becomes of q . k * factor before it is weighed, and how such scores chain. A score is a trivially copyable object with
//   template <class T> T adjust(T s, position p) const;
// over float, double and dual numbers: its derivative needs no second definition.

#include <concepts>
#include <type_traits>

#include <tenon/core/dual.hpp>
#include <tenon/policies/tile.hpp>

namespace tenon {

/// Recognised by its verb.
template <class Score>
concept score = std::is_trivially_copyable_v<Score> && requires(const Score& s, position p) {
  { s.adjust(1.0f, p) } -> std::same_as<float>;
};

/// Only the factor of q . k: `scaled{}` is 1/sqrt(d_qk), `scaled{.factor = f}` is f. First in a chain, or left out.
struct scaled {
  float factor = 0;  ///< 0 stands for 1/sqrt(d_qk)
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position) const {
    return s;
  }
};

/// `first`, then `second` on its result.
template <score A, score B>
struct chain {
  A first;
  B second;
  template <class T>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    return second.adjust(first.adjust(s, p), p);
  }
};

/// s becomes b(a(s)). Two scores of another namespace chain after `using tenon::operator>>`.
template <score A, score B>
TENON_BOTH TENON_INLINE constexpr chain<A, B> operator>>(A a, B b) {
  static_assert(!std::is_same_v<B, scaled>, "[score] 'scaled' must come first in a chain: it is the factor of q.k. Fix: scaled{...} >> the others.");
  return {a, b};
}

/// The factor of q . k that a score asks for; 0 stands for 1/sqrt(d_qk).
template <score S>
TENON_BOTH TENON_INLINE constexpr float factor_of(const S& s) {
  if constexpr (std::is_same_v<S, scaled>)
    return s.factor;
  else if constexpr (requires { s.first; s.second; })
    return factor_of(s.first);
  else if constexpr (requires { s.policy.adjust(1.0f, position{}); })
    return factor_of(s.policy);
  else
    return 0;
}

/// The same score with `factor` for the factor of q . k.
template <score S>
constexpr auto with_factor(const S& s, float factor) {
  if constexpr (std::is_same_v<S, scaled>) {
    return scaled{.factor = factor};
  } else if constexpr (requires { s.first; s.second; }) {
    const auto first = with_factor(s.first, factor);
    return chain<std::remove_const_t<decltype(first)>, decltype(s.second)>{first, s.second};
  } else {
    return chain<scaled, S>{scaled{.factor = factor}, s};
  }
}

/// The derivative of a score in s, at s: its own `slope(s, p)` where it has one, else by dual numbers.
template <machine_float T, score S>
TENON_BOTH TENON_INLINE constexpr T slope_of(const S& score_policy, T s, position p) {
  if constexpr (requires { score_policy.slope(s, p); })
    return score_policy.slope(s, p);
  else
    return score_policy.adjust(dual<T>::variable(s), p).slope[0];
}

/// A score that only scales: kernels then make no pass over the scores.
template <class S>
inline constexpr bool plain_score = std::is_same_v<S, scaled>;

}  // namespace tenon
