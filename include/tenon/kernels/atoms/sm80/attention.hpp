#pragma once
// The words of attention on NVIDIA GPUs from sm_80 on. Called by every thread of a block of Warps warps; a warp owns RowTiles x 16 rows,
// its scores s, weights p and sums o lie in its registers as the fragments of mma.m16n8k16. q, one block of keys and one of values
// lie in shared memory: while scores are computed the values arrive, while values are weighed the next keys do.
//
// A row's bits do not depend on its tile: sums are chains in order of the keys, and a masked key adds an exact zero. Values of masked
// keys must be finite (0 x infinity is NaN); keys and values from `length` on are never read.

#include <type_traits>

#include <tenon/kernels/atoms/sm80/attention_registers.hpp>
#include <tenon/kernels/atoms/sm80/kept_rows.hpp>
#include <tenon/kernels/shared/device_keys.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

/// Keys and values that lie in memory as their tiles have them.
struct as_they_are {
  template <class Address>
  TENON_BOTH TENON_INLINE as_they_are(Address, int) {}
};

/// Kept: what keys and values lie in memory as.
template <class Leaf, int Dim, int Warps, int RowTiles, int Keys, class Number = bf16, class Layout = dense_keys, class Kept = Number>
struct attention_words : attention_registers<Leaf, Dim, RowTiles, Keys, Number> {
  using registers = attention_registers<Leaf, Dim, RowTiles, Keys, Number>;
  static constexpr int threads = 32 * Warps, group_rows = 16 * RowTiles, block_rows = Warps * group_rows, block_keys = Keys;
  using typename registers::address, typename registers::block, typename registers::rows, typename registers::tile, typename registers::view_of_block;
  using registers::first_row, registers::lane;
  using copier = typename tile::template copier<Keys, threads>;

  static constexpr address q_bytes = block_rows * tile::row_bytes, block_bytes = Keys * tile::row_bytes;
  // Those of 8 bits wait behind the tiles, one block of them.
  static constexpr bool scaled = kept_number<Kept>::scaled;
  static constexpr address waiting_at = q_bytes + 2 * block_bytes;
  static constexpr int shared_bytes = static_cast<int>(waiting_at) + (scaled ? Keys * Dim : 0);
  using stored = typename kept_number<Kept>::storage;

  /// One kv head of a cache: rows of Dim numbers, of which `length` are there.
  using source = typename kept_source<Layout, Leaf, Kept, Dim>::type;

  typename tile::lane_rows q_at, v_at;
  typename tile::lane_row k_at;
  copier copy;
  std::conditional_t<scaled, kept_rows<Leaf, Dim, Keys, threads, Kept>, as_they_are> waiting;
  source in;
  int to;

  TENON_BOTH TENON_INLINE explicit attention_words(float score_factor)
      : registers(Leaf::uniform(Leaf::thread() / 32) * group_rows, score_factor),
        q_at(Leaf::shared() + static_cast<address>(first_row * tile::row_bytes), lane(), tile::order::rows_first),
        v_at(Leaf::shared() + q_bytes + block_bytes, lane(), tile::order::rows_first),
        k_at(Leaf::shared() + q_bytes, lane(), tile::order::chunks_first),
        copy(Leaf::thread()),
        waiting(Leaf::shared() + waiting_at, Leaf::thread()) {}

  TENON_BOTH TENON_INLINE int group_row(int) const { return first_row; }

  /// Starts the copy of q into shared memory: the block's rows, zeros from `count` on; or of -q. Waited for with the first keys.
  template <class Rows>
  TENON_BOTH TENON_INLINE void hold(const Rows& from, int count, bool negative) const {
    using copies = typename tile::template copier<block_rows, threads>;
    const address first = Leaf::shared() + copy.to;
    for (int i = 0; i < copies::steps; ++i) {
      const int row = copy.row + i * copies::rows_at_once;
      const Number* const at = from(row < count ? row : 0) + copy.column;
      if (negative) {
        bits128 values = Leaf::load(reinterpret_cast<const bits128*>(at));
        for (std::uint32_t& pair : values.word) pair ^= 0x80008000u;
        Leaf::store_shared(first + copies::place(i), values);
      } else {
        Leaf::copy_16(first + copies::place(i), at, row < count ? 16 : 0);
      }
    }
  }

  /// Calls body(block, end) for each block on the path.
  template <class Path, class Body>
  TENON_BOTH TENON_INLINE void stream(const source& from, const Path& path, Body&& body) {
    in = from, to = path.to;
    int key = path.first();
    if (key < to)
      start(in.keys, 0, key);
    else
      Leaf::commit(), Leaf::template wait<0>(), Leaf::barrier();  // q, which would arrive later
    while (key < to) {
      block here;  // made anew: a warp that skips it keeps nothing alive
      here.key0 = key, here.next = path.next(key);
      body(here, path.end(key));
      key = here.next;
    }
  }
  /// The keys are there, and the values before them are done with: their successors may come.
  TENON_BOTH TENON_INLINE void await_keys(const block& keys) {
    arrive(0);
    start(in.values, block_bytes, keys.key0);
  }
  TENON_BOTH TENON_INLINE void await_values(const block& keys) {
    arrive(block_bytes);
    if (keys.next < to) start(in.keys, 0, keys.next);
  }

  /// s = q k^T, then the score, then the mask.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void multiply(int, block& keys, view_of_block live, int row0, int count, const Meaning& mean) {
    multiply_rows<Leaf, Number, Dim / 16, 1>(keys.s, q_at, k_at.all());
    this->interpret(keys, live, row0, count, mean);
  }

  /// o = fade o + p v. `moved`: some fade of the warp is not 1.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void accumulate(float (&sums)[RowTiles][Dim / 8][4], const rows& fade, bool moved, const block& keys, view_of_block, int, int, const Meaning&) {
    this->scale(sums, fade, moved);
    add_product<Leaf, Number>(sums, keys.p, v_at);
  }

  /// Rows [0, count) of the block's tile = factor o, through this warp's rows of q.
  template <class Rows>
  TENON_BOTH TENON_INLINE void store(const Rows& rows_out, int count, const rows& by) const {
    this->store_through(Leaf::shared() + static_cast<address>(first_row * tile::row_bytes), rows_out, count, by);
  }

 private:
  // What was started is in its tile, for all threads. Those of 8 bits get there now: whoever read the tile has been at a barrier since.
  TENON_BOTH TENON_INLINE void arrive([[maybe_unused]] address offset) const {
    Leaf::template wait<0>();
    if constexpr (scaled) waiting.finish(Leaf::shared() + q_bytes + offset);
    Leaf::barrier();
  }
  // Starts the copy of a block of keys or values; zeros from `length` on.
  TENON_BOTH TENON_INLINE void start(const stored* from, address offset, int key) {
    if constexpr (scaled)
      waiting.start(in, from, key);
    else
      start_rows(from, offset, key);
  }
  TENON_BOTH TENON_INLINE void start_rows(const Number* from, address offset, int key) const {
    const address first = Leaf::shared() + q_bytes + offset + copy.to;
    const Number* const row = in.row(from, key, copy.row, copy.column);
    if (key + Keys <= in.length) {
      TENON_UNROLL for (int i = 0; i < copier::steps; ++i) Leaf::copy_16(first + copier::place(i), row + i * copier::rows_at_once * Dim);
    } else {
      TENON_UNROLL for (int i = 0; i < copier::steps; ++i) {
        const int here = key + copy.row + i * copier::rows_at_once;
        Leaf::copy_16(first + copier::place(i), here < in.length ? row + i * copier::rows_at_once * Dim : from, here < in.length ? 16 : 0);
      }
    }
    Leaf::commit();
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
