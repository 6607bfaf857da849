#pragma once
// Masks that are arithmetic on positions. Every cover is exact. i is the query's position, j the key's; i is negative where there
// are more queries than keys.

#include <tenon/policies/mask/algebra.hpp>

namespace tenon {

namespace mask_detail {
TENON_BOTH TENON_INLINE constexpr cover between(bool none, bool all) { return none ? cover::none : all ? cover::all : cover::some; }
// Rounds down, also where `a` is negative.
TENON_BOTH TENON_INLINE constexpr int quotient(int a, int b) { return a / b - (a % b < 0 ? 1 : 0); }
}  // namespace mask_detail

/// Every key.
struct full {
  TENON_BOTH TENON_INLINE constexpr bool keep(position) const { return true; }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile) const { return cover::all; }
};

/// No later key: j <= i.
struct causal {
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return p.key <= p.query; }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const { return mask_detail::between(t.k0 > t.q1 - 1, t.k1 - 1 <= t.q0); }
};

/// The last `width` keys up to the query's own, and every later one: i - j < width. Combine with causal. width >= 1.
struct window {
  int width;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return p.query - p.key < width; }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const { return mask_detail::between(t.q0 - (t.k1 - 1) >= width, t.q1 - 1 - t.k0 < width); }
};

/// The first `length` keys: j < length.
struct prefix {
  int length;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return p.key < length; }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const { return mask_detail::between(t.k0 >= length, t.k1 <= length); }
};

/// Keys of the query's own block of `length` positions. length >= 1.
struct chunk {
  int length;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return mask_detail::quotient(p.query, length) == p.key / length; }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const {
    const int q_first = mask_detail::quotient(t.q0, length), q_last = mask_detail::quotient(t.q1 - 1, length), k_first = t.k0 / length, k_last = (t.k1 - 1) / length;
    return mask_detail::between(q_last < k_first || k_last < q_first, q_first == k_last && k_first == q_last);
  }
};

/// Keys at multiples of `stride` from the query: (i - j) mod stride == 0. stride >= 1.
struct dilated {
  int stride;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return (p.query - p.key) % stride == 0; }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const {
    const int least = t.q0 - (t.k1 - 1), most = t.q1 - 1 - t.k0;  // every distance in between occurs
    const int residue = ((most % stride) + stride) % stride;      // from the greatest multiple not above `most`
    const bool none = most - residue < least;
    return mask_detail::between(none, stride == 1 || (least == most && !none));
  }
};

}  // namespace tenon
