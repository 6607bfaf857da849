#pragma once
// Rows of 8 bits on their way to a tile of bf16 on NVIDIA GPUs: asynchronous copies to places that are their thread's alone, and from there, once they have
// arrived, times their scales into the tile. The same thread does both, so no barrier lies between.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>
#include <tenon/kernels/shared/device_kept.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

/// Blocks of Rows rows of Dim numbers, by all Threads of the block. One block at a time.
template <class Leaf, int Dim, int Rows, int Threads, class Kept>
struct kept_rows {
  using tile = shared_tile<Leaf, Dim>;
  using address = typename Leaf::address;
  using stored = typename kept_number<Kept>::storage;
  static constexpr int chunks = Dim / 16, rows_at_once = Threads / chunks, steps = Rows / rows_at_once;
  static_assert(Threads % chunks == 0 && Rows % rows_at_once == 0 && rows_at_once % 8 == 0);
  static constexpr address bytes = Rows * Dim;

  address own, to;  ///< this thread's first chunk of 16 numbers: where it waits, and where in the tile the half of it that goes first
  int row, column;  ///< its others are rows_at_once rows apart
  bool turned;      ///< whether the second half goes first: of the eight lanes that store 16 bytes at once to a row of 256, half do
  float scale[steps];

  TENON_BOTH TENON_INLINE kept_rows(address first, int thread)
      : own(first + static_cast<address>(16 * thread)), row(thread / chunks), column(thread % chunks * 16), turned(thread % chunks >= 4) {
    to = tile::offset(row, column / 8) ^ (turned ? 16u : 0u);
  }

  /// Starts the copies of the rows from `key` on, zeros from in.length on.
  template <class Source>
  TENON_BOTH TENON_INLINE void start(const Source& in, const stored* from, int key) {
    const stored* const at = in.row(from, key, row, column);
    const float* const by = in.scale(from, key, row);
    TENON_UNROLL for (int i = 0; i < steps; ++i) {
      const int later = i * rows_at_once;
      const bool there = key + row + later < in.length;
      Leaf::copy_16(own + static_cast<address>(i * Threads * 16), there ? at + later * Dim : from, there ? 16 : 0);
      scale[i] = there ? Leaf::load(by + later) : 0.0f;
    }
    Leaf::commit();
  }
  /// This thread's rows, which have arrived, into the tile, which nobody reads.
  TENON_BOTH TENON_INLINE void finish(address tile_at) const {
    TENON_UNROLL for (int i = 0; i < steps; ++i) {
      const bits128 raw = Leaf::template load_shared<bits128>(own + static_cast<address>(i * Threads * 16));
      const address first = tile_at + to + static_cast<address>(i * rows_at_once * tile::row_bytes);
      const bits128 halves = {{turned ? raw.word[2] : raw.word[0], turned ? raw.word[3] : raw.word[1], turned ? raw.word[0] : raw.word[2], turned ? raw.word[1] : raw.word[3]}};
      Leaf::store_shared(first, widen_eight<Leaf, Kept>(halves.word[0], halves.word[1], scale[i]));
      Leaf::store_shared(first ^ 16u, widen_eight<Leaf, Kept>(halves.word[2], halves.word[3], scale[i]));
    }
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
