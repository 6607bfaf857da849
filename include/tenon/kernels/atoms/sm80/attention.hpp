#pragma once
// The words of attention on NVIDIA GPUs from sm_80 on. Called by every thread of a block of Warps warps; a warp owns RowTiles x 16 rows,
// its scores s, weights p and sums o lie in its registers as the fragments of mma.m16n8k16. q, one block of keys and one of values
// lie in shared memory: while scores are computed the values arrive, while values are weighed the next keys do.
//
// A row's bits do not depend on its tile: sums are chains in order of the keys, and a masked key adds an exact zero. Values of masked
// keys must be finite (0 x infinity is NaN); keys and values from `length` on are never read.

#include <limits>

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/sm80/fragments.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_number.hpp>
#include <tenon/kernels/shared/device_rows.hpp>
#include <tenon/kernels/shared/device_scores.hpp>
#include <tenon/kernels/shared/meaning.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

template <class Leaf, int Dim, int Warps, int RowTiles, int Keys>
struct attention_words {
  static constexpr int threads = 32 * Warps, group_rows = 16 * RowTiles, block_rows = Warps * group_rows, block_keys = Keys;
  static constexpr float nothing = -std::numeric_limits<float>::infinity();
  static constexpr int lane_rows = 2 * RowTiles;  ///< rows that a lane has a share of: 16 i + lane / 4 and 8 below it
  using rows = row_values<lane_rows>;
  using tile = shared_tile<Leaf, Dim>;
  using address = typename Leaf::address;
  using place = fragments::sm80::mma_d;
  using copier = typename tile::template copier<Keys, threads>;

  static constexpr address q_bytes = block_rows * tile::row_bytes, block_bytes = Keys * tile::row_bytes;
  static constexpr int shared_bytes = static_cast<int>(q_bytes + 2 * block_bytes);

  /// One kv head of a cache: row-major [key][Dim] from `head` on, of which `length` keys are there.
  struct source {
    const bf16 *keys, *values;
    index_t head;
    int length;
  };
  /// The keys from key0 on, and what becomes of them in this warp: scores, then weights. `next` is the block after them.
  struct block {
    int key0, next;
    float s[RowTiles][Keys / 8][4];
    std::uint32_t p[RowTiles][Keys / 16][4];
  };
  /// What a warp sees of a block.
  struct view_of_block {
    cover inside;
    TENON_BOTH TENON_INLINE bool empty() const { return inside == cover::none; }
  };

  int first_row;  ///< of this warp
  float o[RowTiles][Dim / 8][4];
  typename tile::lane_rows q_at, k_at, v_at;
  copier copy;
  source in;
  int to;
  float factor;  ///< of scores that are more than scaled: else it is in the exponent

  TENON_BOTH TENON_INLINE explicit attention_words(float score_factor)
      : first_row(Leaf::uniform(Leaf::thread() / 32) * group_rows),
        q_at(Leaf::shared() + static_cast<address>(first_row * tile::row_bytes), lane(), tile::order::rows_first),
        k_at(Leaf::shared() + q_bytes, lane(), tile::order::chunks_first),
        v_at(Leaf::shared() + q_bytes + block_bytes, lane(), tile::order::rows_first),
        copy(Leaf::thread()),
        factor(score_factor) {}

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }
  TENON_BOTH TENON_INLINE static constexpr int groups(int) { return 1; }
  TENON_BOTH TENON_INLINE int group_row(int) const { return first_row; }
  TENON_BOTH TENON_INLINE int held(int) const { return 0; }
  TENON_BOTH TENON_INLINE auto& sums(int) { return o; }

  TENON_BOTH TENON_INLINE void clear(float (&sums)[RowTiles][Dim / 8][4]) const {
    TENON_UNROLL for (int i = 0; i < RowTiles; ++i)
      TENON_UNROLL for (int n = 0; n < Dim / 8; ++n)
        TENON_UNROLL for (int e = 0; e < 4; ++e) sums[i][n][e] = 0;
  }

  /// Starts the copy of q into shared memory: the block's rows, zeros from `count` on; or of -q. Waited for with the first keys.
  template <class Rows>
  TENON_BOTH TENON_INLINE void hold(const Rows& from, int count, bool negative) const {
    using copies = typename tile::template copier<block_rows, threads>;
    const address first = Leaf::shared() + copy.to;
    for (int i = 0; i < copies::steps; ++i) {
      const int row = copy.row + i * copies::rows_at_once;
      const bf16* const at = from(row < count ? row : 0) + copy.column;
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
  template <class Meaning>
  TENON_BOTH TENON_INLINE static view_of_block live(const block& keys, int, int row0, int count, const Meaning& mean) {
    return {count <= 0 ? cover::none : mean.covers(row0, row0 + count, keys.key0, keys.key0 + Keys)};
  }
  /// The keys are there, and the values before them are done with: their successors may come.
  TENON_BOTH TENON_INLINE void await_keys(const block& keys) const {
    Leaf::template wait<0>();
    Leaf::barrier();
    start(in.values, block_bytes, keys.key0);
  }
  TENON_BOTH TENON_INLINE void await_values(const block& keys) const {
    Leaf::template wait<0>();
    Leaf::barrier();
    if (keys.next < to) start(in.keys, 0, keys.next);
  }

  /// s = q k^T, then the score, then the mask.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void multiply(int, block& keys, view_of_block live, int row0, int count, const Meaning& mean) {
    TENON_UNROLL for (int step = 0; step < Dim / 16; ++step) {
      std::uint32_t a[RowTiles][4];
      TENON_UNROLL for (int i = 0; i < RowTiles; ++i) Leaf::load_matrices(a[i], q_at(16 * i, step));
      TENON_UNROLL for (int n = 0; n < Keys / 16; ++n) {
        std::uint32_t b[4];  // dims 0 to 7 and 8 to 15 of keys 0 to 7, then of keys 8 to 15
        Leaf::load_matrices(b, k_at(16 * n, step));
        TENON_UNROLL for (int i = 0; i < RowTiles; ++i) {
          if (step == 0) {
            Leaf::mma_first(keys.s[i][2 * n], a[i], b[0], b[1]);
            Leaf::mma_first(keys.s[i][2 * n + 1], a[i], b[2], b[3]);
          } else {
            Leaf::mma(keys.s[i][2 * n], a[i], b[0], b[1]);
            Leaf::mma(keys.s[i][2 * n + 1], a[i], b[2], b[3]);
          }
        }
      }
    }
    if constexpr (!Meaning::plain)
      each_score(keys, row0, count, mean, [&](float& score, position at, int key) TENON_LAMBDA { score = mean.adjust(device_number<Leaf>(score * factor), at, key).value; });
    if (live.inside != cover::all)
      each_score(keys, row0, count, mean, [&](float& score, position at, int key) TENON_LAMBDA { score = mean.keeps(at, key) ? score : nothing; });
  }

  /// The greatest live score of each row.
  TENON_BOTH TENON_INLINE rows row_max(const block& keys, view_of_block, int) const {
    rows most;
    TENON_UNROLL for (int r = 0; r < lane_rows; ++r) {
      most.at[r] = keys.s[r / 2][0][r % 2 * 2];
      TENON_UNROLL for (int n = 0; n < Keys / 8; ++n)
        TENON_UNROLL for (int e = 0; e < 2; ++e) most.at[r] = __builtin_fmaxf(most.at[r], keys.s[r / 2][n][r % 2 * 2 + e]);
      TENON_UNROLL for (int mask = 1; mask <= 2; mask *= 2) most.at[r] = __builtin_fmaxf(most.at[r], Leaf::shuffle_xor(most.at[r], mask));
    }
    return most;
  }
  /// p = the weights of s under softmax; returns this lane's share of their sums: `finish` adds the shares.
  template <class State>
  TENON_BOTH TENON_INLINE rows exponentiate(block& keys, view_of_block, int, const State& state) {
    rows sum;
    sum.fill(0);
    TENON_UNROLL for (int i = 0; i < RowTiles; ++i)
      TENON_UNROLL for (int n = 0; n < Keys / 8; ++n)
        TENON_UNROLL for (int half = 0; half < 2; ++half) {
          const int r = 2 * i + half;
          const float first = Leaf::exp2(keys.s[i][n][2 * half] * state.by.base + state.reference.at[r]);
          const float second = Leaf::exp2(keys.s[i][n][2 * half + 1] * state.by.base + state.reference.at[r]);
          sum.at[r] += first;
          sum.at[r] += second;
          keys.p[i][n / 2][n % 2 * 2 + half] = Leaf::pack_bf16(first, second);
        }
    return sum;
  }

  /// o = fade o + p v. `moved`: some fade of the warp is not 1.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void accumulate(float (&sums)[RowTiles][Dim / 8][4], const rows& fade, bool moved, const block& keys, view_of_block, int, int, const Meaning&) {
    if (moved) {
      TENON_UNROLL for (int i = 0; i < RowTiles; ++i)
        TENON_UNROLL for (int n = 0; n < Dim / 8; ++n)
          TENON_UNROLL for (int e = 0; e < 4; ++e) sums[i][n][e] *= fade.at[2 * i + e / 2];
    }
    TENON_UNROLL for (int step = 0; step < Keys / 16; ++step)
      TENON_UNROLL for (int n = 0; n < Dim / 16; ++n) {
        std::uint32_t b[4];  // keys 0 to 7 and 8 to 15 of dims 0 to 7, then of dims 8 to 15
        Leaf::load_matrices_transposed(b, v_at(16 * step, n));
        TENON_UNROLL for (int i = 0; i < RowTiles; ++i) {
          Leaf::mma(sums[i][2 * n], keys.p[i][step], b[0], b[1]);
          Leaf::mma(sums[i][2 * n + 1], keys.p[i][step], b[2], b[3]);
        }
      }
  }

  /// A total is spread over the four lanes of its row.
  template <class State>
  TENON_BOTH TENON_INLINE void finish(State& state) const {
    TENON_UNROLL for (int r = 0; r < lane_rows; ++r)
      TENON_UNROLL for (int mask = 1; mask <= 2; mask *= 2) state.total.at[r] += Leaf::shuffle_xor(state.total.at[r], mask);
  }

  /// Row of the block's tile that share r of a lane belongs to.
  TENON_BOTH TENON_INLINE int row_of(int of_lane, int r) const { return first_row + r / 2 * 16 + place::at(of_lane, r % 2 * 2).row; }
  /// Whether a lane speaks for its rows: one of the four that share them.
  TENON_BOTH TENON_INLINE static bool speaks(int lane) { return lane % 4 == 0; }

  /// Rows [0, count) of the block's tile = factor o; where factor is 0, 0.
  template <class Rows>
  TENON_BOTH TENON_INLINE void store(const Rows& rows_out, int count, const rows& by) const {
    using number = std::remove_cvref_t<decltype(*rows_out(0))>;
    const int lane = this->lane();
    if constexpr (sizeof(number) == 4) {
      TENON_UNROLL for (int r = 0; r < lane_rows; ++r) {
        const int row = row_of(lane, r);
        if (row >= count) continue;
        number* const to_row = rows_out(row) + place::at(lane, 0).column;
        TENON_UNROLL for (int n = 0; n < Dim / 8; ++n)
          Leaf::store(reinterpret_cast<bits64*>(to_row + 8 * n), bits64{{bit_cast<std::uint32_t>(scaled_sum(r, n, 0, by)), bit_cast<std::uint32_t>(scaled_sum(r, n, 1, by))}});
      }
    } else {  // through this warp's rows of q, so that whole 16 bytes are written
      const address own = Leaf::shared() + static_cast<address>(first_row * tile::row_bytes);
      Leaf::sync_warp();
      TENON_UNROLL for (int r = 0; r < lane_rows; ++r)
        TENON_UNROLL for (int n = 0; n < Dim / 8; ++n) {
          const fragment_place at = place::at(lane, r % 2 * 2);
          Leaf::store_shared(own + tile::offset(r / 2 * 16 + at.row, n) + static_cast<address>(at.column * 2),
                             Leaf::pack_bf16(scaled_sum(r, n, 0, by), scaled_sum(r, n, 1, by)));
        }
      Leaf::sync_warp();
      TENON_UNROLL for (int i = 0; i < group_rows * tile::chunks / 32; ++i) {
        const int row = i * (32 / tile::chunks) + lane / tile::chunks, chunk = lane % tile::chunks;
        if (first_row + row < count)
          Leaf::store(reinterpret_cast<bits128*>(rows_out(first_row + row) + chunk * 8), Leaf::template load_shared<bits128>(own + tile::offset(row, chunk)));
      }
    }
  }

 private:
  TENON_BOTH TENON_INLINE float scaled_sum(int r, int n, int e, const rows& by) const { return by.at[r] == 0 ? 0.0f : o[r / 2][n][r % 2 * 2 + e] * by.at[r]; }

  // Starts the copy of a block of keys or values; zeros from `length` on.
  TENON_BOTH TENON_INLINE void start(const bf16* from, address offset, int key) const {
    const address first = Leaf::shared() + q_bytes + offset + copy.to;
    const bf16* const row = from + (in.head + index_t{key + copy.row} * Dim + copy.column);
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

  // Calls f(score, position of its row, key) for all scores. Rows past the last are asked as the last.
  template <class Meaning, class F>
  TENON_BOTH TENON_INLINE void each_score(block& keys, int row0, int count, const Meaning& mean, F&& f) {
    const int lane = this->lane();
    position at[lane_rows];
    TENON_UNROLL for (int r = 0; r < lane_rows; ++r) {
      const int row = r / 2 * 16 + place::at(lane, r % 2 * 2).row;
      at[r] = mean.at(row0 + (row < count ? row : count - 1), 0);
    }
    TENON_UNROLL for (int n = 0; n < Keys / 8; ++n)
      TENON_UNROLL for (int e = 0; e < 2; ++e)
        TENON_UNROLL for (int r = 0; r < lane_rows; ++r) f(keys.s[r / 2][n][r % 2 * 2 + e], at[r], keys.key0 + 8 * n + place::at(lane, e).column);
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
