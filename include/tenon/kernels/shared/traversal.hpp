#pragma once
// Which key blocks a tile of rows visits, and which tiles of rows a block of keys: those that the mask does not rule out, in order.

#include <tenon/kernels/shared/meaning.hpp>

TENON_KERNELS_BEGIN

/// Blocks of `block` keys at multiples of `block` that rows [0, rows) may see, within keys [from, to); from is a multiple of block.
template <class Meaning>
struct traversal {
  const Meaning& mean;
  int rows, from, to, block;

  TENON_BOTH TENON_INLINE int first() const { return skip(from); }
  TENON_BOTH TENON_INLINE int next(int key) const { return skip(key + block); }
  /// The end of the block at `key`.
  TENON_BOTH TENON_INLINE int end(int key) const { return key + block < to ? key + block : to; }

 private:
  TENON_BOTH TENON_INLINE int skip(int key) const {
    while (key < to && mean.covers(0, rows, key, end(key)) == cover::none) key += block;
    return key;
  }
};

/// Tiles of `block` rows at multiples of `block`, of rows [0, rows), that may see any of keys [key0, key1).
template <class Meaning>
struct row_traversal {
  const Meaning& mean;
  int rows, key0, key1, block;

  TENON_BOTH TENON_INLINE int first() const { return skip(0); }
  TENON_BOTH TENON_INLINE int next(int row) const { return skip(row + block); }
  /// The end of the tile at `row`.
  TENON_BOTH TENON_INLINE int end(int row) const { return row + block < rows ? row + block : rows; }

 private:
  TENON_BOTH TENON_INLINE int skip(int row) const {
    while (row < rows && mean.covers(row, end(row), key0, key1) == cover::none) row += block;
    return row;
  }
};

TENON_KERNELS_END
