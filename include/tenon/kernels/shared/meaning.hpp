#pragma once
// All that atoms and skeletons ever see of the policies: which scores of a tile live, and what becomes of them. Policies are
// inlined into these bodies, which belong to one instruction set.

#include <tenon/policies/mask/algebra.hpp>
#include <tenon/policies/score/algebra.hpp>

TENON_KERNELS_BEGIN

/// Live keys [lo, hi) of a tile.
struct span {
  int lo = 0, hi = 0;
  TENON_BOTH TENON_INLINE bool empty() const { return lo >= hi; }
};

/// The policies of one tile of rows. Row r is query `first_query + r / group`, head `first_head + r % group`; columns are
/// keys, absolute. Keys from `length` on do not exist: no mask is asked about them. Group repeats `group` for machines that cannot
/// afford to divide (0: whatever it is).
template <class Mask, class Score, int Group = 0>
struct meaning {
  Mask mask;
  Score score;
  int first_query, first_head, group, batch, length;

  static constexpr bool plain = plain_score<Score>;

  TENON_BOTH TENON_INLINE int query(int row) const { return first_query + row / (Group != 0 ? Group : group); }
  TENON_BOTH TENON_INLINE int head(int row) const { return first_head + row % (Group != 0 ? Group : group); }

  /// Of rows [r0, r1) and keys [c0, c1), neither empty. One body: it is asked in many places, never per score.
  TENON_BOTH cover covers(int r0, int r1, int c0, int c1) const {
    if (c0 >= length) return cover::none;
    const cover inside = tenon::covers(mask, tile{query(r0), query(r1 - 1) + 1, c0, c1 < length ? c1 : length, batch});
    return c1 > length && inside == cover::all ? cover::some : inside;
  }
  TENON_BOTH TENON_INLINE bool keep(int row, int key) const { return keeps(at(row, 0), key); }
  TENON_BOTH TENON_INLINE float operator()(float s, int row, int key) const { return adjust(s, at(row, 0), key); }

  // The same for a row's position, found once: keys beyond the last are asked as the last, so that no operand is read outside.
  TENON_BOTH TENON_INLINE position at(int row, int key) const { return {query(row), key, head(row), batch}; }
  TENON_BOTH TENON_INLINE bool keeps(position p, int key) const {
    p.key = key < length ? key : length - 1;
    return static_cast<int>(key < length) & static_cast<int>(mask.keep(p));
  }
  template <class T>
  TENON_BOTH TENON_INLINE T adjust(T s, position p, int key) const {
    p.key = key < length ? key : length - 1;
    return score.adjust(s, p);
  }

  /// The least span of whole granules of [c0, c1), c0 a multiple of Granule, outside which rows [r0, r1) see nothing.
  template <int Granule>
  span trim(int r0, int r1, int c0, int c1) const {
    const cover whole = covers(r0, r1, c0, c1);
    if (whole == cover::none) return {};
    span live{c0, (c1 + Granule - 1) / Granule * Granule};
    if (whole == cover::all) return live;
    while (live.lo < live.hi && covers(r0, r1, live.lo, live.lo + Granule) == cover::none) live.lo += Granule;
    while (live.lo < live.hi && covers(r0, r1, live.hi - Granule, live.hi) == cover::none) live.hi -= Granule;
    return live;
  }
};

TENON_KERNELS_END
