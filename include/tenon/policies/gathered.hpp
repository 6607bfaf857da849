#pragma once
// Policies over rows or keys that were gathered: a kernel then counts what is left, and these say where it came from. Each
// wraps a mask, a score, or anything that is both. Operands stay the caller's.

#include <cstddef>
#include <cstdint>

#include <tenon/policies/lookup.hpp>
#include <tenon/policies/mask/algebra.hpp>
#include <tenon/policies/read_later.hpp>
#include <tenon/policies/score/algebra.hpp>

namespace tenon {

/// Where a gathered row came from: the position of its query and its query head.
struct row_origin {
  std::int32_t query, head;
};

/// `policy` over gathered rows, each a query of one head: the row that a kernel takes for query i of sequence b is
/// rows[i + offset[b]]. Within a sequence the queries ascend. All sequences stand for parts of sequence `batch`.
template <class Policy>
struct gathered_rows {
  Policy policy;
  const row_origin* rows;
  const std::ptrdiff_t* offset;  ///< [sequence]
  int batch = 0;
  static constexpr lookup looks_up = lookup::by_key;

  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const
    requires mask<Policy>
  {
    return policy.keep(origin(p));
  }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const
    requires mask<Policy>
  {
    const row_origin* own = rows + offset[t.batch];
    return tenon::covers(policy, tile{own[t.q0].query, own[t.q1 - 1].query + 1, t.k0, t.k1, batch});
  }
  template <class T>
    requires score<Policy>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    return policy.adjust(s, origin(p));
  }

 private:
  TENON_BOTH TENON_INLINE constexpr position origin(position p) const {
    const row_origin& own = rows[p.query + offset[p.batch]];
    return {own.query, p.key, own.head, batch};
  }
};

/// `policy` over gathered keys: the key that a kernel takes for j is keys[j], ascending, and the query it takes for i is
/// i + query_shift, as fewer keys make a kernel count from an earlier one. Shift: int or read_later.
template <class Policy, class Shift = int>
struct gathered_keys {
  Policy policy;
  const std::int32_t* keys;
  Shift query_shift;
  static constexpr lookup looks_up = lookup::by_key;

  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const
    requires mask<Policy>
  {
    return policy.keep(origin(p));
  }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const
    requires mask<Policy>
  {
    return tenon::covers(policy, tile{t.q0 + query_shift, t.q1 + query_shift, keys[t.k0], keys[t.k1 - 1] + 1, t.batch});
  }
  template <class T>
    requires score<Policy>
  TENON_BOTH TENON_INLINE constexpr T adjust(T s, position p) const {
    return policy.adjust(s, origin(p));
  }

 private:
  TENON_BOTH TENON_INLINE constexpr position origin(position p) const { return {p.query + query_shift, keys[p.key], p.head, p.batch}; }
};

}  // namespace tenon
