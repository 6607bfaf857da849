#pragma once
// Which key blocks a tile of rows visits: those that its mask does not rule out, in order.

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

TENON_KERNELS_END
