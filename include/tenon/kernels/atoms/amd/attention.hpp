#pragma once
// The words of attention on AMD's GPUs: MFMA on CDNA, WMMA on RDNA. Called by every thread of a block of Warps waves; a wave owns `side`
// rows (32 or 16), one to a lane and to the lane `side` above it. Scores and sums are kept transposed, s^T = k q^T and o^T = v^T p^T: what
// the first product leaves in a lane is then what the second wants there, or in the lane beside it. Keys and values go through registers
// into shared memory: while scores are computed the values are on their way, while values are weighed the next keys are.
//
// A row's bits do not depend on its tile: sums are chains in order of the keys, and a masked key adds an exact zero. Values of masked
// keys must be finite (0 x infinity is NaN); keys and values from `length` on are never read.

#include <limits>
#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/amd/lane_tile.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_kept.hpp>
#include <tenon/kernels/shared/device_number.hpp>
#include <tenon/kernels/shared/device_rows.hpp>
#include <tenon/kernels/shared/device_scores.hpp>
#include <tenon/kernels/shared/meaning.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

/// Number: bf16 or f16, of q, keys, values and, rounded, of weights. Kept: what keys and values lie in memory as.
template <class Leaf, int Dim, int Warps, int Keys, class Number = bf16, class Layout = dense_keys, class Kept = Number>
struct attention_words {
  using tile = lane_tile<Leaf, Dim, Number>;
  static constexpr int lanes = Leaf::lanes, side = Leaf::side, per_tile = tile::per_tile, threads = lanes * Warps, group_rows = side, block_rows = Warps * group_rows, block_keys = Keys;
  static constexpr float nothing = -std::numeric_limits<float>::infinity();
  static constexpr int lane_rows = 1;
  using rows = row_values<lane_rows>;
  using address = typename Leaf::address;
  using place = typename Leaf::place;
  using operand = typename Leaf::operand;
  using lane_sums = typename tile::sums;

  // Keys straight, values crossed.
  static constexpr address values_at = Keys * tile::row_bytes;
  static constexpr int shared_bytes = static_cast<int>(values_at) + Keys * Dim * 2;
  // A thread's share of a copy: chunks of 16 bytes of keys; `wide` dims of 8 keys of values.
  static constexpr int chunks = Dim / 8, key_steps = Keys * chunks / threads, wide = Keys * Dim / 8 / threads;
  static_assert(Keys % side == 0 && Dim % 32 == 0 && Keys * chunks % threads == 0 && (wide == 2 || wide == 4));

  /// One kv head of a cache: rows of Dim numbers, of which `length` are there.
  using source = typename kept_source<Layout, Leaf, Kept, Dim>::type;
  static constexpr bool scaled = kept_number<Kept>::scaled;
  using stored = typename kept_number<Kept>::storage;
  /// The keys from key0 on, and what becomes of them in this wave: scores, then weights. `next` is the block after them.
  struct block {
    int key0, next;
    lane_sums s[Keys / side];
    bits128 p[Keys / 16];
  };
  /// What a wave sees of a block.
  struct view_of_block {
    cover inside;
    TENON_BOTH TENON_INLINE bool empty() const { return inside == cover::none; }
  };

  int first_row;  ///< of this wave
  lane_sums o[Dim / side];
  operand q[Dim / 16];
  std::conditional_t<scaled, bits64, bits128> coming_keys[key_steps];  // on their way to shared memory
  std::uint32_t coming_values[8][scaled ? 1 : wide / 2];
  float key_scales[scaled ? key_steps : 1], value_scales[scaled ? 8 : 1];
  source in;
  int to;
  float factor;  ///< of scores that are more than scaled: else it is in the exponent

  TENON_BOTH TENON_INLINE explicit attention_words(float score_factor) : first_row(Leaf::uniform(Leaf::thread() / lanes) * group_rows), factor(score_factor) {}

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % lanes; }
  TENON_BOTH TENON_INLINE static constexpr int groups(int) { return 1; }
  TENON_BOTH TENON_INLINE int group_row(int) const { return first_row; }
  TENON_BOTH TENON_INLINE int held(int) const { return 0; }
  TENON_BOTH TENON_INLINE auto& sums(int) { return o; }
  TENON_BOTH TENON_INLINE void clear(lane_sums (&sums)[Dim / side]) const {
    TENON_UNROLL for (lane_sums& each : sums) each = lane_sums{};
  }

  /// q, or -q, of this lane's row; zeros from `count` on.
  template <class Rows>
  TENON_BOTH TENON_INLINE void hold(const Rows& from, int count, bool negative) {
    const int row = first_row + lane() % side;
    tile::hold(q, from(row < count ? row : 0), row < count);
    TENON_UNROLL for (operand& step : q)
      TENON_UNROLL for (auto& chunk : step.chunk) chunk ^= negative ? 0x80008000u : 0u;
  }

  /// Calls body(block, end) for each block on the path.
  template <class Path, class Body>
  TENON_BOTH TENON_INLINE void stream(const source& from, const Path& path, Body&& body) {
    in = from, to = path.to;
    int key = path.first();
    if (key < to) fetch_keys(key);
    while (key < to) {
      block here;  // made anew: a wave that skips it keeps nothing alive
      here.key0 = key, here.next = path.next(key);
      body(here, path.end(key));
      key = here.next;
    }
  }
  template <class Meaning>
  TENON_BOTH TENON_INLINE static view_of_block live(const block& keys, int, int row0, int count, const Meaning& mean) {
    return {count <= 0 ? cover::none : mean.covers(row0, row0 + count, keys.key0, keys.key0 + Keys)};
  }
  /// The keys are in shared memory, where those before them are done with; the values set out.
  TENON_BOTH TENON_INLINE void await_keys(const block& keys) {
    const int thread = Leaf::thread();
    TENON_UNROLL for (int i = 0; i < key_steps; ++i) {
      const int key = thread / chunks + i * (threads / chunks);
      const address at = Leaf::shared() + tile::straight_place(key) + static_cast<address>(thread % chunks * 16);
      if constexpr (scaled)
        Leaf::store_shared(at, widen_eight<Leaf, Kept>(coming_keys[i].word[0], coming_keys[i].word[1], key_scales[i]));
      else
        Leaf::store_shared(at, coming_keys[i]);
    }
    Leaf::barrier();
    fetch_values(keys.key0);
  }
  TENON_BOTH TENON_INLINE void await_values(const block& keys) {
    const int first = Leaf::thread() % (Dim / wide) * wide, group = Leaf::thread() / (Dim / wide);
    std::uint32_t pairs[8][2];
    TENON_UNROLL for (int i = 0; i < 8; ++i) {
      if constexpr (scaled)
        widen_four<Leaf, Kept>(coming_values[i][0], value_scales[i], pairs[i]);
      else
        TENON_UNROLL for (int w = 0; w < wide / 2; ++w) pairs[i][w] = coming_values[i][w];
    }
    TENON_UNROLL for (int d = 0; d < wide; ++d) {
      bits128 column;  // of 8 keys
      TENON_UNROLL for (int i = 0; i < 4; ++i) {
        const std::uint32_t even = pairs[2 * i][d / 2], odd = pairs[2 * i + 1][d / 2];
        column.word[i] = d % 2 == 0 ? (even & 0xffffu) | odd << 16 : even >> 16 | (odd & 0xffff0000u);
      }
      Leaf::store_shared(Leaf::shared() + values_at + tile::crossed_place(group, first + d), column);
    }
    Leaf::barrier();
    if (keys.next < to) fetch_keys(keys.next);
  }

  /// s^T = k q^T, then the score, then the mask.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void multiply(int, block& keys, view_of_block live, int row0, int count, const Meaning& mean) const {
    tile::multiply_rows(keys.s, Leaf::shared(), q);
    const int row = lane() % side;
    const position p = mean.at(row0 + (row < count ? row : count - 1), 0);
    if constexpr (!Meaning::plain)
      each_score(keys, [&](float score, int key) TENON_LAMBDA { return mean.adjust(device_number<Leaf>(score * factor), p, key).value; });
    if (live.inside != cover::all) each_score(keys, [&](float score, int key) TENON_LAMBDA { return mean.keeps(p, key) ? score : nothing; });
  }

  /// The greatest live score of the lane's row.
  TENON_BOTH TENON_INLINE rows row_max(const block& keys, view_of_block, int) const {
    float most = keys.s[0][0];
    TENON_UNROLL for (int n = 0; n < Keys / side; ++n)
      TENON_UNROLL for (int e = 0; e < per_tile; ++e) most = __builtin_fmaxf(most, keys.s[n][e]);
    rows out;
    out.at[0] = __builtin_fmaxf(most, Leaf::shuffle_xor(most, side));
    return out;
  }
  /// p = the weights of s under softmax; returns this lane's share of their sum: `finish` adds the two shares.
  template <class State>
  TENON_BOTH TENON_INLINE rows exponentiate(block& keys, view_of_block, int, const State& state) const {
    rows sum;
    sum.fill(0);
    TENON_UNROLL for (int n = 0; n < Keys / side; ++n)
      TENON_UNROLL for (int e = 0; e < per_tile; e += 8) {
        float weight[8];
        TENON_UNROLL for (int i = 0; i < 8; ++i) weight[i] = device_weight(state, keys.s[n][e + i], 0);
        TENON_UNROLL for (int i = 0; i < 8; ++i) sum.at[0] += weight[i];
        TENON_UNROLL for (int i = 0; i < 8; i += 2) keys.p[n * (side / 16) + e / 8].word[i / 2] = Leaf::template pack_weights<Number>(weight[i], weight[i + 1]);
      }
    return sum;
  }

  /// o^T = fade o^T + v^T p^T. `moved`: some fade of the wave is not 1.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void accumulate(lane_sums (&sums)[Dim / side], const rows& fade, bool moved, const block& keys, view_of_block, int, int, const Meaning&) const {
    if (moved)
      TENON_UNROLL for (lane_sums& each : sums) each *= fade.at[0];
    tile::add_product(sums, Leaf::shared() + values_at, keys.p);
  }

  /// A total is spread over the two lanes of its row.
  template <class State>
  TENON_BOTH TENON_INLINE void finish(State& state) const {
    if constexpr (!State::bounded) state.total.at[0] += Leaf::shuffle_xor(state.total.at[0], side);
  }

  /// Row of the block's tile that a lane has a share of.
  TENON_BOTH TENON_INLINE int row_of(int of_lane, int) const { return first_row + of_lane % side; }
  /// Whether a lane speaks for its row: one of the two that share it.
  TENON_BOTH TENON_INLINE static bool speaks(int lane) { return lane < side; }

  /// Rows [0, count) of the block's tile = factor o; where factor is 0, 0.
  template <class Rows>
  TENON_BOTH TENON_INLINE void store(const Rows& rows_out, int count, const rows& by) const {
    const int row = row_of(lane(), 0);
    if (row < count) tile::store(rows_out(row), o, by.at[0]);
  }

 private:
  TENON_BOTH TENON_INLINE void fetch_keys(int key) {
    const int thread = Leaf::thread(), first = key + thread / chunks;
    using chunk = std::remove_cvref_t<decltype(coming_keys[0])>;
    const stored* const from = in.row(in.keys, key, thread / chunks, thread % chunks * 8);
    constexpr int apart = threads / chunks;
    if (key + Keys <= in.length)
      TENON_UNROLL for (int i = 0; i < key_steps; ++i) coming_keys[i] = Leaf::load(reinterpret_cast<const chunk*>(from + i * apart * Dim));
    else
      TENON_UNROLL for (int i = 0; i < key_steps; ++i) coming_keys[i] = first + i * apart < in.length ? Leaf::load(reinterpret_cast<const chunk*>(from + i * apart * Dim)) : chunk{};
    if constexpr (scaled) {
      const float* const by = in.scale(in.keys, key, thread / chunks);
      TENON_UNROLL for (int i = 0; i < key_steps; ++i) key_scales[i] = first + i * apart < in.length ? Leaf::load(by + i * apart) : 0.0f;
    }
  }
  TENON_BOTH TENON_INLINE void fetch_values(int key) {
    const int thread = Leaf::thread(), first = thread % (Dim / wide) * wide, group = thread / (Dim / wide);
    const stored* const from = in.row(in.values, key, tile::row_of_group(group, 0), first);
    if (key + Keys <= in.length)
      TENON_UNROLL for (int i = 0; i < 8; ++i) fetch_value(i, from, true);
    else
      TENON_UNROLL for (int i = 0; i < 8; ++i) fetch_value(i, from, key + tile::row_of_group(group, i) < in.length);
    if constexpr (scaled) {
      const float* const by = in.scale(in.values, key, tile::row_of_group(group, 0));
      TENON_UNROLL for (int i = 0; i < 8; ++i) value_scales[i] = key + tile::row_of_group(group, i) < in.length ? Leaf::load(by + tile::row_of_group(0, i)) : 0.0f;
    }
  }
  // `wide` dims of key i of the 8 that begin at `from`; 0 where it is not there.
  TENON_BOTH TENON_INLINE void fetch_value(int i, const stored* from, bool there) {
    from += tile::row_of_group(0, i) * Dim;
    if constexpr (scaled) {
      using some = std::conditional_t<wide == 4, std::uint32_t, std::uint16_t>;
      coming_values[i][0] = there ? Leaf::load(reinterpret_cast<const some*>(from)) : some{};
    } else if constexpr (wide == 4) {
      const bits64 four = there ? Leaf::load(reinterpret_cast<const bits64*>(from)) : bits64{};
      coming_values[i][0] = four.word[0], coming_values[i][1] = four.word[1];
    } else {
      coming_values[i][0] = there ? Leaf::load(reinterpret_cast<const std::uint32_t*>(from)) : 0u;
    }
  }

  // Every score becomes f(score, key).
  template <class F>
  TENON_BOTH TENON_INLINE static void each_score(block& keys, F&& f) {
    const int first = keys.key0 + place::at(lane(), 0).row;
    TENON_UNROLL for (int n = 0; n < Keys / side; ++n)
      TENON_UNROLL for (int e = 0; e < per_tile; ++e) keys.s[n][e] = f(keys.s[n][e], first + side * n + place::at(0, e).row);
  }
};

}  // namespace atoms::amd
TENON_KERNELS_END
