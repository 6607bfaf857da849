#pragma once
// What becomes of q . k * scale before it is weighed. A score is a trivially copyable object with
//   template <class T> T adjust(T s, position p) const;
// over float, double and dual numbers, so that its derivative needs no second definition. Scores chain by `>>`.

#include <concepts>
#include <type_traits>

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
  TENON_BOTH constexpr T adjust(T s, position) const {
    return s;
  }
};

/// `first`, then `second` on its result.
template <score A, score B>
struct chain {
  A first;
  B second;
  template <class T>
  TENON_BOTH constexpr T adjust(T s, position p) const {
    return second.adjust(first.adjust(s, p), p);
  }
};

template <score A, score B>
TENON_BOTH constexpr chain<A, B> operator>>(A a, B b) {
  static_assert(!std::is_same_v<B, scaled>, "[score] 'scaled' must come first in a chain: it is the factor of q.k. Fix: scaled{...} >> the others.");
  return {a, b};
}

/// The factor of q . k that a score asks for; 0 stands for 1/sqrt(d_qk).
template <score S>
TENON_BOTH constexpr float factor_of(const S& s) {
  if constexpr (std::is_same_v<S, scaled>)
    return s.factor;
  else if constexpr (requires { s.first; s.second; })
    return factor_of(s.first);
  else
    return 0;
}

/// A score that only scales: kernels then make no pass over the scores.
template <class S>
inline constexpr bool plain_score = std::is_same_v<S, scaled>;

}  // namespace tenon
