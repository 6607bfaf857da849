#pragma once
// Where a score stands, and what a mask can say about a rectangle of scores: the words that masks and scores share.

#include <tenon/core/config.hpp>

namespace tenon {

/// One score: the absolute positions of its query and key, its query head and its sequence of the batch.
struct position {
  int query = 0, key = 0;
  int head = 0, batch = 0;
};

/// A rectangle of scores of one sequence: queries [q0, q1) and keys [k0, k1), never empty, all heads.
struct tile {
  int q0 = 0, q1 = 1;
  int k0 = 0, k1 = 1;
  int batch = 0;
};

/// How much of a tile a mask keeps. The order makes Kleene logic: `&` is the lesser, `|` the greater.
enum class cover : unsigned char { none, some, all };

TENON_BOTH TENON_INLINE constexpr cover operator&(cover a, cover b) { return a < b ? a : b; }
TENON_BOTH TENON_INLINE constexpr cover operator|(cover a, cover b) { return a < b ? b : a; }
TENON_BOTH TENON_INLINE constexpr cover operator!(cover a) { return a == cover::some ? cover::some : a == cover::none ? cover::all : cover::none; }

}  // namespace tenon
