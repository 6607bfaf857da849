#pragma once
// Masks of how a sequence is made up: packed documents, padding, a tree of drafted tokens. Operands stay the caller's and must
// cover every position that is asked about. Every cover is exact.

#include <cstddef>
#include <cstdint>

#include <tenon/core/range.hpp>
#include <tenon/policies/lookup.hpp>
#include <tenon/policies/mask/positional.hpp>

namespace tenon {

/// Keys of the query's own document: ids[i] == ids[j]. ids [batch][position], `batch_stride` apart (0: one for all).
struct document {
  const std::int32_t* ids;
  std::ptrdiff_t batch_stride = 0;
  static constexpr lookup looks_up = lookup::by_key;

  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const {
    const std::int32_t* own = ids + p.batch * batch_stride;
    return p.query >= 0 && own[p.query] == own[p.key];
  }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const {
    if (t.q1 <= 0) return cover::none;
    const std::int32_t* own = ids + t.batch * batch_stride;
    const bool outside = t.q0 < 0;
    t.q0 = outside ? 0 : t.q0;
    const auto [q_least, q_most] = range_of(own, t.q0, t.q1);
    const auto [k_least, k_most] = range_of(own, t.k0, t.k1);
    if (q_most < k_least || k_most < q_least) return cover::none;
    if (q_least == q_most && k_least == k_most) return outside ? cover::some : cover::all;
    for (int i = t.q0; i < t.q1; ++i)
      for (int j = t.k0; j < t.k1; ++j)
        if (own[i] == own[j]) return cover::some;
    return cover::none;
  }
};

/// Keys before the end of their sequence: j < lengths[batch].
struct padding {
  const std::int32_t* lengths;
  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return p.key < lengths[p.batch]; }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const { return mask_detail::between(t.k0 >= lengths[t.batch], t.k1 <= lengths[t.batch]); }
};

/// Causal up to position `first`; from there `count` drafted tokens form a tree, in which each sees its ancestors and itself.
/// parents[n] is the node that node n follows, less than n, or -1 for a node that follows the sequence itself.
struct tree {
  const std::int32_t* parents;
  int first, count;
  static constexpr lookup looks_up = lookup::some;

  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const {
    if (p.key < first || p.query < first) return p.key <= p.query;
    int node = p.query - first;
    while (node > p.key - first) node = parents[node];
    return node == p.key - first;
  }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const {
    bool any = false, every = true;
    for (int i = t.q0; i < t.q1 && !(any && !every); ++i) {
      const int last = i < first ? i : first - 1;  // the keys of the sequence that i sees end here
      int kept = (t.k1 - 1 < last ? t.k1 - 1 : last) - t.k0 + 1;
      kept = kept < 0 ? 0 : kept;
      for (int node = i - first; node >= 0; node = parents[node]) kept += node + first >= t.k0 && node + first < t.k1 ? 1 : 0;
      any |= kept > 0;
      every &= kept == t.k1 - t.k0;
    }
    return mask_detail::between(!any, every);
  }
};

}  // namespace tenon
