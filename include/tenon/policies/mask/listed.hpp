#pragma once
// Masks that are listed: packed bits, a bitmap of tiles, key indices per query. Operands stay the caller's; what lies outside
// them is not kept. Queries are counted from `first_query`. Every cover is exact.

#include <cstddef>
#include <cstdint>

#include <tenon/policies/lookup.hpp>
#include <tenon/policies/mask/positional.hpp>

namespace tenon {

/// Arbitrary: bit j % 64 of words[i][j / 64], rows of (keys + 63) / 64 words, `batch_stride` words between sequences (0: one for all).
struct bits {
  const std::uint64_t* words;
  int queries, keys;
  int first_query = 0;
  std::ptrdiff_t batch_stride = 0;
  static constexpr lookup looks_up = lookup::some;

  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const {
    const int i = p.query - first_query;
    if (i < 0 || i >= queries || p.key >= keys) return false;
    return (row(i, p.batch)[p.key / 64] >> (p.key % 64) & 1) != 0;
  }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const {
    long long kept = 0;
    const int k1 = t.k1 < keys ? t.k1 : keys;
    for (int i = t.q0 - first_query; i < t.q1 - first_query; ++i) {
      if (i < 0 || i >= queries) continue;
      for (int k = t.k0; k < k1; k = k / 64 * 64 + 64) {
        const int end = k / 64 * 64 + 64 < k1 ? k / 64 * 64 + 64 : k1;
        const std::uint64_t within = end - k == 64 ? ~std::uint64_t{0} : ((std::uint64_t{1} << (end - k)) - 1) << (k % 64);
        kept += __builtin_popcountll(row(i, t.batch)[k / 64] & within);
      }
    }
    return mask_detail::between(kept == 0, kept == static_cast<long long>(t.q1 - t.q0) * (t.k1 - t.k0));
  }

 private:
  TENON_BOTH TENON_INLINE constexpr const std::uint64_t* row(int i, int batch) const {
    return words + batch * batch_stride + static_cast<std::ptrdiff_t>(i) * ((keys + 63) / 64);
  }
};

/// Whole blocks: blocks[i / query_block][j / key_block] is not 0; `rows` x `columns` of them.
struct block_sparse {
  const std::uint8_t* blocks;
  int rows, columns;
  int query_block, key_block;
  int first_query = 0;
  static constexpr lookup looks_up = lookup::some;

  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const { return p.query >= first_query && at((p.query - first_query) / query_block, p.key / key_block); }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const {
    bool any = false, every = t.q0 >= first_query;
    const int q0 = t.q0 < first_query ? 0 : t.q0 - first_query, q1 = t.q1 - first_query;
    for (int i = q0 / query_block; q1 > 0 && i <= (q1 - 1) / query_block; ++i)
      for (int j = t.k0 / key_block; j <= (t.k1 - 1) / key_block; ++j) {
        const bool kept = at(i, j);
        any |= kept;
        every &= kept;
      }
    return mask_detail::between(!any, every);
  }

 private:
  TENON_BOTH TENON_INLINE constexpr bool at(int i, int j) const { return i < rows && j < columns && blocks[static_cast<std::ptrdiff_t>(i) * columns + j] != 0; }
};

/// The listed keys: lists[i][0, count) ascending, each key once; a list that is shorter ends with entries beyond every key.
struct token_sparse {
  const std::int32_t* lists;
  int queries, count;
  int first_query = 0;
  static constexpr lookup looks_up = lookup::some;

  TENON_BOTH TENON_INLINE constexpr bool keep(position p) const {
    const int i = p.query - first_query;
    return i >= 0 && i < queries && before(i, p.key + 1) - before(i, p.key) == 1;
  }
  TENON_BOTH TENON_INLINE constexpr cover covers(tile t) const {
    bool any = false, every = true;
    for (int i = t.q0 - first_query; i < t.q1 - first_query; ++i) {
      const int kept = i < 0 || i >= queries ? 0 : before(i, t.k1) - before(i, t.k0);
      any |= kept > 0;
      every &= kept == t.k1 - t.k0;
    }
    return mask_detail::between(!any, every);
  }

 private:
  // How many entries of list i are less than `key`.
  TENON_BOTH TENON_INLINE constexpr int before(int i, int key) const {
    const std::int32_t* list = lists + static_cast<std::ptrdiff_t>(i) * count;
    int lo = 0, hi = count;
    while (lo < hi) {
      const int middle = (lo + hi) / 2;
      if (list[middle] < key)
        lo = middle + 1;
      else
        hi = middle;
    }
    return lo;
  }
};

}  // namespace tenon
