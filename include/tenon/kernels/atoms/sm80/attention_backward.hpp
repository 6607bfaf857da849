#pragma once
// The words of attention's gradients on NVIDIA GPUs from sm_80 on. What stays with a block of threads (a block of keys and values, or a tile of
// q and d_out) is the left side of its products: a warp owns Tiles x 16 rows of it. What goes by, Across at a time, is the right side; two of it
// fit in shared memory, one arriving while the other is used. Scores x and dw come out of the first products as rows of the side that stays, so
// that rounded they are the left operand of the sums, without moving between lanes: with keys that stay these are x^T and dw^T.
//
// Order of summation: chains in order of the rows, and of the keys. Numbers of q, d_out and of masked keys and values must be finite (0 x infinity
// is NaN); keys and values from `length` on are never read.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/sm80/register_tile.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>
#include <tenon/kernels/shared/device_slopes.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

template <class Leaf, gradients_of Kept, int Dim, int Warps, int Tiles, int Across, class Number = bf16>
struct attention_backward_words {
  static constexpr bool of_keys = Kept == gradients_of::keys;
  static constexpr int threads = 32 * Warps, warp_rows = 16 * Tiles, kept = Warps * warp_rows;
  static constexpr int block_keys = of_keys ? kept : Across, tile_rows = of_keys ? Across : kept;
  using place = fragments::sm80::mma_d;
  using shared = shared_tile<Leaf, Dim>;
  using address = typename Leaf::address;

  // Shared memory: keys and values that stay (or q and d_out), then two stages of q, d_out and the facts of their rows (or keys and values).
  static constexpr address kept_bytes = kept * shared::row_bytes, passing_bytes = Across * shared::row_bytes;
  static constexpr address facts_bytes = of_keys ? Across * 8 : 0, stage_bytes = 2 * passing_bytes + facts_bytes;
  static constexpr int shared_bytes = static_cast<int>(2 * kept_bytes + 2 * stage_bytes);
  static_assert(stage_bytes % 128 == 0);

  template <class Rows>
  using source = backward_source<Number, Rows>;
  template <class Rows>
  using block = backward_block<Number, Rows>;
  /// Rows [row0, end) of what this warp sees: x and dw, then w and dx, then both as left operands.
  struct tile {
    int row0, end;
    cover inside;
    std::uint32_t seen;  // where only some scores live: one bit for each of this lane
    float x[Tiles][Across / 8][4], dw[Tiles][Across / 8][4];
    std::uint32_t w_left[Tiles][Across / 16][4], dx_left[Tiles][Across / 16][4];
  };

  int first;                                       ///< row of this warp in what stays
  float sums[of_keys ? 2 : 1][Tiles][Dim / 8][4];  ///< of dk and dv, or of dq
  typename shared::lane_rows kept_at, passing_at, passing_transposed_at;
  address stage = 0;  // the one in use, from the first
  float factor;
  float reference[2 * Tiles], agreement[2 * Tiles];  // of the lane's rows, where rows stay

  TENON_BOTH TENON_INLINE explicit attention_backward_words(float score_factor)
      : first(Leaf::uniform(Leaf::thread() / 32) * warp_rows),
        kept_at(Leaf::shared() + static_cast<address>(first * shared::row_bytes), lane(), shared::order::rows_first),
        passing_at(Leaf::shared() + 2 * kept_bytes, lane(), shared::order::chunks_first),
        passing_transposed_at(Leaf::shared() + 2 * kept_bytes, lane(), shared::order::rows_first),
        factor(score_factor) {
    TENON_UNROLL for (auto& each : sums) clear(each);
  }
  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }

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
      take_facts(in, path.rows);
      flow(path, path.to, [&](address to, int at) TENON_LAMBDA { copy_keys<Across>(in, to, passing_bytes, at); },
           [&](int at) TENON_LAMBDA { body(block<Rows>{at, in}, path.end(at)); });
    }
  }
  /// Calls body(tile) for each tile of rows on the path of which this warp sees something: for those that go by, or for the one that stays.
  template <class Rows, class Path, class Body>
  TENON_BOTH TENON_INLINE void each_tile(const block<Rows>& keys, const Path& path, Body&& body) {
    if constexpr (of_keys) {
      flow(path, path.rows, [&](address to, int at) TENON_LAMBDA { copy_rows<Across>(keys.in, to, passing_bytes, at, path.rows); },
           [&](int at) TENON_LAMBDA { visit(path, at, path.end(at), keys.key0 + first, keys.key0 + first + warp_rows, keys.key0, body); });
    } else if (first < path.rows) {
      visit(path, first, first + warp_rows < path.rows ? first + warp_rows : path.rows, keys.key0, keys.key0 + Across, keys.key0, body);
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
    each_score<Slopes>(of, keys.key0, mean, [&](int i, int n, int e, position p, int key, float refers, float agrees) TENON_LAMBDA {
      device_differentiate<Leaf>(of.x[i][n][e], of.dw[i][n][e], mean, slopes, p, key, factor, refers, agrees);
    });
    if (of.inside != cover::all)
      TENON_UNROLL for (int i = 0; i < Tiles; ++i)
        TENON_UNROLL for (int n = 0; n < Across / 8; ++n)
          TENON_UNROLL for (int e = 0; e < 4; ++e) {
            const bool sees = (of.seen >> (4 * Tiles * n + i * 4 + e) & 1u) != 0;
            of.x[i][n][e] = sees ? of.x[i][n][e] : 0.0f, of.dw[i][n][e] = sees ? of.dw[i][n][e] : 0.0f;
          }
    if constexpr (of_keys) pack_left<Leaf, Number>(of.w_left, of.x);
    pack_left<Leaf, Number>(of.dx_left, of.dw);
  }
  /// dq += dx k, where rows stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_query(const tile& of, const Block&) {
    if constexpr (!of_keys) add_product<Leaf, Number>(sums[0], of.dx_left, moved(passing_transposed_at, stage));
  }
  /// dv += w^T d_out, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_values(const tile& of, const Block&) {
    if constexpr (of_keys) add_product<Leaf, Number>(sums[1], of.w_left, moved(passing_transposed_at, stage + passing_bytes));
  }
  /// dk += dx^T q, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_keys(const tile& of, const Block&) {
    if constexpr (of_keys) add_product<Leaf, Number>(sums[0], of.dx_left, moved(passing_transposed_at, stage));
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
    store_rows<Leaf, shared>(sums[Which], Leaf::shared() + static_cast<address>(first * shared::row_bytes), out, first, count, [by](int, float sum) TENON_LAMBDA { return sum * by; });
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
  // The mask is asked before there are scores: what it needs then has their registers.
  template <class Path, class Body>
  TENON_BOTH TENON_INLINE void visit(const Path& path, int row0, int row_end, int key0, int key_end, int block_key, const Body& body) const {
    tile here;  // made anew: a warp that skips it keeps nothing alive
    here.row0 = row0, here.end = row_end, here.inside = path.mean.covers(row0, row_end, key0, key_end);
    if (here.inside == cover::none) return;
    if (here.inside != cover::all) here.seen = seen_by(here, block_key, path.mean);
    body(here);
  }
  // Reference and agreement of a row that stays, or of two neighbours that go by.
  template <class Slopes>
  TENON_BOTH TENON_INLINE bits128 facts_of(int at) const {
    if constexpr (!Slopes::of_rows)
      return {};
    else if constexpr (of_keys)
      return Leaf::template load_shared<bits128>(Leaf::shared() + 2 * kept_bytes + stage + 2 * passing_bytes + static_cast<address>(at * 8));
    else
      return {{bit_cast<std::uint32_t>(reference[at]), bit_cast<std::uint32_t>(agreement[at]), 0u, 0u}};
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
    const int lane = this->lane();
    TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r)
      TENON_UNROLL for (int n = 0; n < Across / 8; ++n)
        Leaf::store_shared(to + static_cast<address>(4 * (kept_row(lane, r) * left_pitch + 8 * n + place::at(lane, 0).column)), bits64{{bit_cast<std::uint32_t>(of(r, n, 0)), bit_cast<std::uint32_t>(of(r, n, 1))}});
  }
  // The facts of this lane's rows.
  template <class Source>
  TENON_BOTH TENON_INLINE void take_facts(const Source& in, int count) {
    TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r) {
      const int row = kept_row(lane(), r);
      bits64 both{};
      if (in.facts != nullptr && row < count) both = Leaf::load(reinterpret_cast<const bits64*>(in.facts + 2 * row));
      reference[r] = row < count ? bit_cast<float>(both.word[0]) : no_weights, agreement[r] = bit_cast<float>(both.word[1]);
    }
  }

  // Calls f(i, n, e, position of its row, key, facts) for the scores x[i][n][e], row by row: a row's position is found once. Rows past the last
  // are asked as the last.
  template <class Slopes, class Meaning, class F>
  TENON_BOTH TENON_INLINE void each_score(const tile& of, int key0, const Meaning& mean, const F& f) const {
    const int lane = this->lane();
    if constexpr (of_keys) {
      const int column = place::at(lane, 0).column;
      TENON_UNROLL for (int n = 0; n < Across / 8; ++n) {
        const bits128 of_two = facts_of<Slopes>(8 * n + column);
        TENON_UNROLL for (int e = 0; e < 2; ++e) {
          const position p = mean.at(row_within(of, of.row0 + 8 * n + column + e), 0);
          TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r)
            f(r / 2, n, r % 2 * 2 + e, p, key0 + kept_row(lane, r), bit_cast<float>(of_two.word[2 * e]), bit_cast<float>(of_two.word[2 * e + 1]));
        }
      }
    } else {
      TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r) {
        const position p = mean.at(row_within(of, kept_row(lane, r)), 0);
        const bits128 own = facts_of<Slopes>(r);
        TENON_UNROLL for (int n = 0; n < Across / 8; ++n)
          TENON_UNROLL for (int e = 0; e < 2; ++e) f(r / 2, n, r % 2 * 2 + e, p, key0 + 8 * n + place::at(lane, e).column, bit_cast<float>(own.word[0]), bit_cast<float>(own.word[1]));
      }
    }
  }
  // Bit (n 4 Tiles + i 4 + e) says whether score x[i][n][e] lives. Not unrolled along n: it is asked where registers are few.
  template <class Meaning>
  TENON_BOTH TENON_INLINE std::uint32_t seen_by(const tile& of, int key0, const Meaning& mean) const {
    static_assert(Tiles * Across / 2 <= 32);
    const int lane = this->lane(), passing = of_keys ? of.end - of.row0 : mean.length - key0;
    std::uint32_t seen = 0;
    for (int n = 0; 8 * n < passing && n < Across / 8; ++n)
      TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r)
        TENON_UNROLL for (int e = 0; e < 2; ++e) {
          const int kept_here = kept_row(lane, r), passes = 8 * n + place::at(lane, e).column;
          const bool sees = mean.keep(row_within(of, of_keys ? of.row0 + passes : kept_here), key0 + (of_keys ? kept_here : passes));
          seen |= static_cast<std::uint32_t>(sees) << (4 * Tiles * n + r / 2 * 4 + r % 2 * 2 + e);
        }
    return seen;
  }
  // Row of what stays that share r of a lane is; and a row, or the last one.
  TENON_BOTH TENON_INLINE int kept_row(int lane, int r) const { return first + r / 2 * 16 + place::at(lane, r % 2 * 2).row; }
  TENON_BOTH TENON_INLINE static int row_within(const tile& of, int row) { return row < of.end ? row : of.end - 1; }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
