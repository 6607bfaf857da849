#pragma once
// Keys and values that are kept in 8 bits: rows come as they are stored, through the copy engine, to places where they wait; the four warps that bring
// make bf16 of them, each number rounded once, in the stages that products read. A warp has a quarter of the rows of each block, and asks for its next ones
// itself; a lane has one row, or half of one, its scale in a register. No thread waits for another warp's but at the stages.

#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/atoms/sm90a/ring.hpp>
#include <tenon/kernels/shared/device_kept.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

/// Blocks of Keys rows of Dim numbers, of which Waiting of keys, and as many of values, wait or are under way. Layout: dense_keys or paged_keys.
template <class Leaf, int Dim, int Keys, class Layout, class Kept, int Waiting>
struct kept_rows {
  using address = typename Leaf::address;
  using stored = typename kept_number<Kept>::storage;
  using source = typename kept_source<Layout, Leaf, Kept, Dim>::type;
  static constexpr int warps = 4, rows = Keys / warps, lanes_of_row = 32 / rows, chunks = Dim / 16, fillers = warps;
  /// Masks that read memory come in blocks of 64 keys (tuning/sm90a.hpp): to find the next one takes registers, which those that compute spare.
  static constexpr int registers = Keys == 64 ? 104 : 40, registers_beside = Keys == 64 ? 200 : 232;
  static_assert((Keys == 64 || Keys == 128) && (Dim == 64 || Dim == 128) && Waiting >= 1);
  // Of one warp: a block's rows; its barriers.
  static constexpr address slice_bytes = rows * Dim, ring_of_warp = 8 * Waiting;
  static constexpr address block_bytes = warps * slice_bytes, values_at = Waiting * block_bytes, barriers_at = 2 * values_at;
  static constexpr address bytes = barriers_at + 2 * warps * ring_of_warp;

  /// By one thread.
  TENON_BOTH TENON_INLINE static void init(address own) {
    for (int i = 0; i < 2 * warps * Waiting; ++i) Leaf::init_arrivals(own + barriers_at + static_cast<address>(8 * i), 1);
  }

  /// What warp `warp` of the four does: each block on the path, as its stage becomes free. keys_to, values_to: the first stages; own: `bytes` of shared memory.
  template <class Path, class Stages>
  TENON_BOTH TENON_INLINE static void produce(const source& in, const Path& path, int warp, Stages keys, address keys_to, Stages values, address values_to, address own) {
    const int row = rows * warp + Leaf::thread() % rows;  // of this lane
    rows_of keys_of(in.keys, own, warp, 0), values_of(in.values, own, warp, 1);
    int key = path.first(), coming = key;
    for (int i = 0; i < Waiting && coming < path.to; ++i, coming = path.next(coming)) keys_of.ask(in, coming), values_of.ask(in, coming);
    float scale = key < path.to ? keys_of.scale(in, key, row) : 0.0f;
    while (key < path.to) {
      const float of_values = values_of.scale(in, key, row);  // each a block's half before it is used
      keys_of.widen(in, key, row, scale, keys, keys_to);
      if (coming < path.to) keys_of.ask(in, coming);
      const int next = path.next(key);
      if (next < path.to) scale = keys_of.scale(in, next, row);
      values_of.widen(in, key, row, of_values, values, values_to);
      if (coming < path.to) values_of.ask(in, coming), coming = path.next(coming);
      key = next;
    }
  }

 private:
  /// A warp's rows of the keys, or of the values.
  struct rows_of {
    const stored* first;
    address at;                        // of the places where they wait
    int warp, stage = 0;               // whose rows came longest ago
    int parity = 0, asked = 0;         // of its phase; the place of those that are asked for next
    address barriers;

    TENON_BOTH TENON_INLINE rows_of(const stored* rows, address own, int of_warp, int which)
        : first(rows), at(own + static_cast<address>(which) * values_at + static_cast<address>(of_warp) * slice_bytes), warp(of_warp),
          barriers(own + barriers_at + static_cast<address>(which * warps + of_warp) * ring_of_warp) {}

    /// Starts the copy of the rows of the block at `key`, to the place that was emptied last.
    TENON_BOTH TENON_INLINE void ask(const source& in, int key) {
      const int left = in.length - key - rows * warp, count = left < rows ? left : rows;
      const address full = barriers + static_cast<address>(8 * asked);
      if (Leaf::thread() % 32 == 0) {
        if (count > 0) {
          Leaf::arrive_expecting(full, count * Dim);
          Leaf::copy_bytes(at + static_cast<address>(asked) * block_bytes, in.row(first, key, rows * warp, 0), count * Dim, full);
        } else {
          Leaf::arrive(full);
        }
      }
      asked = asked + 1 == Waiting ? 0 : asked + 1;
    }
    TENON_BOTH TENON_INLINE float scale(const source& in, int key, int row) const { return key + row < in.length ? Leaf::load(in.scale(first, key, row)) : 0.0f; }
    /// This lane's share of the block at `key`, which has arrived or soon does, into the next stage; zeros from in.length on.
    template <class Stages>
    TENON_BOTH TENON_INLINE void widen(const source& in, int key, int row, float scale, Stages& to, address stages_at) {
      Leaf::await_arrivals(barriers + static_cast<address>(8 * stage), parity);
      to.await_empty();
      const int lane = Leaf::thread() % 32;
      const bool there = key + row < in.length;
      const address from = at + static_cast<address>(stage) * block_bytes + static_cast<address>(row % rows * Dim), panels = stages_at + static_cast<address>(to.stage) * (Keys * Dim * 2);
      constexpr int share = chunks / lanes_of_row;
      const auto chunk = [&](int i) TENON_LAMBDA { return (i + lane / rows * share) ^ turn(lane); };
      const auto load = [&](int i) TENON_LAMBDA { return there ? Leaf::template load_shared<bits128>(from + static_cast<address>(16 * chunk(i))) : bits128{}; };
      bits128 next = load(0);
      TENON_UNROLL for (int i = 0; i < share; ++i) {
        const bits128 raw = next;
        if (i + 1 < share) next = load(i + 1);  // on its way while this one is widened
        const address pair = panels + panel_offset<address>(Keys, row, 2 * chunk(i));
        Leaf::store_shared(pair, widen_eight<Leaf, Kept>(raw.word[0], raw.word[1], scale));
        Leaf::store_shared(pair ^ 16u, widen_eight<Leaf, Kept>(raw.word[2], raw.word[3], scale));
      }
      Leaf::fence_shared();
      Leaf::sync_warp();
      if (lane == 0) Leaf::arrive(to.full());
      to.next();
      ++stage;
      if (stage == Waiting) stage = 0, parity ^= 1;
    }
    // In which order a lane takes its chunks: the eight that read or write 16 bytes at once, each of its own row, fall into different banks. Of rows of 64
    // bytes two share a line of banks; the multiplication by 2 in the field of four keeps both the places they are read from and those they go to apart.
    TENON_BOTH TENON_INLINE static int turn(int lane) {
      if constexpr (chunks == 8)
        return lane & 7;
      else
        return 0x9c >> (lane & 6) & 3;
    }
  };
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
