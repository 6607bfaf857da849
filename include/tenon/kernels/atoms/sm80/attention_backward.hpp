#pragma once
// The words of attention's gradients on NVIDIA GPUs from sm_80 on: what stays and what goes by are copied to shared memory, where two of what goes by
// fit, one arriving while the other is used.
//
// Order of summation: chains in order of the rows, and of the keys. Numbers of q, d_out and of masked keys and values must be finite (0 x infinity
// is NaN); keys and values from `length` on are never read.

#include <tenon/kernels/atoms/sm80/attention_backward_registers.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

template <class Leaf, gradients_of Kept, int Dim, int Warps, int Tiles, int Across, class Number = bf16>
struct attention_backward_words : attention_backward_registers<Leaf, Kept, Dim, Tiles, Across, Number> {
  using registers = attention_backward_registers<Leaf, Kept, Dim, Tiles, Across, Number>;
  using typename registers::address, typename registers::place, typename registers::shared, typename registers::tile;
  using registers::first, registers::lane, registers::of_keys, registers::sums, registers::warp_rows;
  static constexpr int threads = 32 * Warps, kept = Warps * warp_rows;
  static constexpr int block_keys = of_keys ? kept : Across, tile_rows = of_keys ? Across : kept;

  // Shared memory: keys and values that stay (or q and d_out), then two stages of q, d_out and the facts of their rows (or keys and values).
  static constexpr address kept_bytes = kept * shared::row_bytes, passing_bytes = Across * shared::row_bytes;
  static constexpr address facts_bytes = of_keys ? Across * 8 : 0, stage_bytes = 2 * passing_bytes + facts_bytes;
  static constexpr int shared_bytes = static_cast<int>(2 * kept_bytes + 2 * stage_bytes);
  static_assert(stage_bytes % 128 == 0);

  template <class Rows>
  using source = backward_source<Number, Rows>;
  template <class Rows>
  using block = backward_block<Number, Rows>;

  typename shared::lane_rows kept_at, passing_at, passing_transposed_at;
  address stage = 0;  // the one in use, from the first

  TENON_BOTH TENON_INLINE explicit attention_backward_words(float score_factor)
      : registers(Leaf::uniform(Leaf::thread() / 32) * warp_rows, score_factor),
        kept_at(Leaf::shared() + static_cast<address>(first * shared::row_bytes), lane(), shared::order::rows_first),
        passing_at(Leaf::shared() + 2 * kept_bytes, lane(), shared::order::chunks_first),
        passing_transposed_at(Leaf::shared() + 2 * kept_bytes, lane(), shared::order::rows_first) {}

  /// Calls body(block, end) for each block of keys on the path: for the one that stays, or for those that go by.
  template <class Rows, class Path, class Body>
  TENON_BOTH TENON_INLINE void stream(const source<Rows>& in, const Path& path, Body&& body) {
    const int key = path.rows == 0 ? path.to : path.first();
    if (key >= path.to) return;
    if constexpr (of_keys) {
      copy_keys<kept>(in, 0, kept_bytes, key);
      body(block<Rows>{key, in}, path.end(key));
    } else {
      copy_rows<kept>(in, 0, kept_bytes, 0, path.rows);
      this->take_facts(in, path.rows);
      flow(path, path.to, [&](address to, int at) TENON_LAMBDA { copy_keys<Across>(in, to, passing_bytes, at); },
           [&](int at) TENON_LAMBDA { body(block<Rows>{at, in}, path.end(at)); });
    }
  }
  /// Calls body(tile) for each tile of rows on the path of which this warp sees something: for those that go by, or for the one that stays.
  template <class Rows, class Path, class Body>
  TENON_BOTH TENON_INLINE void each_tile(const block<Rows>& keys, const Path& path, Body&& body) {
    if constexpr (of_keys) {
      flow(path, path.rows, [&](address to, int at) TENON_LAMBDA { copy_rows<Across>(keys.in, to, passing_bytes, at, path.rows); },
           [&](int at) TENON_LAMBDA { this->visit(path.mean, at, path.end(at), keys.key0 + first, keys.key0 + first + warp_rows, keys.key0, body); });
    } else if (first < path.rows) {
      this->visit(path.mean, first, first + warp_rows < path.rows ? first + warp_rows : path.rows, keys.key0, keys.key0 + Across, keys.key0, body);
    }
  }

  /// x = q k^T and dw = d_out v^T, as rows of what stays.
  template <class Block>
  TENON_BOTH TENON_INLINE void multiply(tile& of, const Block&) const {
    multiply_rows<Leaf, Number, Dim / 16>(of.x, moved(kept_at, 0), moved(passing_at, stage));
    multiply_rows<Leaf, Number, Dim / 16>(of.dw, moved(kept_at, kept_bytes), moved(passing_at, stage + passing_bytes));
  }
  /// x and dw become w and dx.
  template <class Block, class Meaning, class Slopes>
  TENON_BOTH TENON_INLINE void differentiate(tile& of, const Block& keys, const Meaning& mean, const Slopes& slopes) const {
    this->differentiate_tile(of, keys.key0, mean, slopes, Leaf::shared() + 2 * kept_bytes + stage + 2 * passing_bytes);
  }
  /// dq += dx k, where rows stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_query(const tile& of, const Block&) {
    if constexpr (!of_keys) add_product<Leaf, Number>(sums[0], of.left[0], moved(passing_transposed_at, stage));
  }
  /// dv += w^T d_out, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_values(const tile& of, const Block&) {
    if constexpr (of_keys) add_product<Leaf, Number>(sums[1], of.left[1], moved(passing_transposed_at, stage + passing_bytes));
  }
  /// dk += dx^T q, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_keys(const tile& of, const Block&) {
    if constexpr (of_keys) add_product<Leaf, Number>(sums[0], of.left[0], moved(passing_transposed_at, stage));
  }

  /// dx of the tile, where rows stay, for all threads of the block to hear of after a barrier: [tile_rows][left_pitch] floats at `to`, a row of
  /// left_keys keys; or zeros, where this warp saw nothing. meets_between_blocks: whether all threads do, after each block and before the next.
  static constexpr int left_keys = Across, left_pitch = Across + 8;  // pairs of eight rows fall into different banks
  static constexpr bool meets_between_blocks = true;
  TENON_BOTH TENON_INLINE void leave(const tile& of, address to) const {
    leave(to, [&of](int r, int n, int e) TENON_LAMBDA { return of.dw[r / 2][n][r % 2 * 2 + e]; });
  }
  TENON_BOTH TENON_INLINE void leave_nothing(address to) const {
    leave(to, [](int, int, int) TENON_LAMBDA { return 0.0f; });
  }

  /// Rows [0, count) of what stays = factor sums[Which].
  template <int Which, class Rows>
  TENON_BOTH TENON_INLINE void store(const Rows& out, int count, float by) const {
    this->template store_through<Which>(Leaf::shared() + static_cast<address>(first * shared::row_bytes), out, count, by);
  }

 private:
  // The places of a lane, `by` bytes further.
  TENON_BOTH TENON_INLINE static auto moved(const typename shared::lane_rows& at, address by) {
    return [&at, by](int row, int step) TENON_LAMBDA { return at(row, step) + by; };
  }

  // Calls body(at) for each place on the path, while what is copied for the next one is on its way.
  template <class Path, class Copy, class Body>
  TENON_BOTH TENON_INLINE void flow(const Path& path, int end, const Copy& copy, const Body& body) {
    int at = path.first();
    stage = 0;
    if (at < end) copy(2 * kept_bytes, at);
    Leaf::commit();
    do {
      const int next = at < end ? path.next(at) : end;
      Leaf::template wait<0>();
      Leaf::barrier();  // this one is there for all, and all are done with the one before
      if (at >= end) return;
      if (next < end) copy(2 * kept_bytes + (stage_bytes - stage), next);
      Leaf::commit();
      body(at);
      at = next, stage = stage_bytes - stage;
    } while (at < end);
  }

  // Starts the copies of Count keys from `key` on and, `apart` bytes behind them, of their values; zeros from the last on.
  template <int Count, class Source>
  TENON_BOTH TENON_INLINE static void copy_keys(const Source& in, address to, address apart, int key) {
    using copies = typename shared::template copier<Count, threads>;
    const copies mine(Leaf::thread());
    const address at = Leaf::shared() + to + mine.to;
    const index_t from = in.head + index_t{key + mine.row} * Dim + mine.column;
    TENON_UNROLL for (int i = 0; i < copies::steps; ++i) {
      const bool there = key + mine.row + i * copies::rows_at_once < in.length;
      const index_t offset = there ? from + i * copies::rows_at_once * Dim : 0;
      Leaf::copy_16(at + copies::place(i), in.keys + offset, there ? 16 : 0);
      Leaf::copy_16(at + apart + copies::place(i), in.values + offset, there ? 16 : 0);
    }
  }
  // The same of rows of q and of d_out, and, where they go by, of their facts.
  template <int Count, class Source>
  TENON_BOTH TENON_INLINE static void copy_rows(const Source& in, address to, address apart, int row0, int count) {
    using copies = typename shared::template copier<Count, threads>;
    const int thread = Leaf::thread();
    const copies mine(thread);
    const address at = Leaf::shared() + to + mine.to;
    constexpr int group = decltype(in.q)::group, step_queries = copies::rows_at_once / group;
    if (copies::rows_at_once % group == 0 && row0 + Count <= count) {  // whole tiles: rows of one head, at equal distances
      const Number *const q = in.q(row0 + mine.row) + mine.column, *const d_out = in.d_out(row0 + mine.row) + mine.column;
      TENON_UNROLL for (int i = 0; i < copies::steps; ++i) {
        Leaf::copy_16(at + copies::place(i), q + i * step_queries * in.q.query_stride);
        Leaf::copy_16(at + apart + copies::place(i), d_out + i * step_queries * in.d_out.query_stride);
      }
    } else {
      TENON_UNROLL for (int i = 0; i < copies::steps; ++i) {
        const int row = row0 + mine.row + i * copies::rows_at_once, there = row < count ? row : 0;
        Leaf::copy_16(at + copies::place(i), in.q(there) + mine.column, row < count ? 16 : 0);
        Leaf::copy_16(at + apart + copies::place(i), in.d_out(there) + mine.column, row < count ? 16 : 0);
      }
    }
    if constexpr (of_keys)
      if (in.facts != nullptr && thread < Across / 2) Leaf::copy_16(Leaf::shared() + to + 2 * passing_bytes + static_cast<address>(thread * 16), in.facts + (2 * row0 + 4 * thread), 16);
  }
  template <class F>
  TENON_BOTH TENON_INLINE void leave(address to, const F& of) const {
    TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r)
      TENON_UNROLL for (int n = 0; n < Across / 8; ++n)
        Leaf::store_shared(to + static_cast<address>(4 * (this->kept_row(lane(), r) * left_pitch + 8 * n + place::at(lane(), 0).column)), bits64{{bit_cast<std::uint32_t>(of(r, n, 0)), bit_cast<std::uint32_t>(of(r, n, 1))}});
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
