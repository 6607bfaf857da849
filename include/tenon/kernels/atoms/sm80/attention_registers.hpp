#pragma once
// What attention keeps in registers on NVIDIA GPUs, and what becomes of it there: a warp owns RowTiles x 16 rows; their scores s, weights p and
// sums o are spread over its lanes as the fragments of mma.m16n8k16, which those of wgmma repeat. How operands reach the products is
// each generation's own: sm80/attention.hpp, sm90a/attention.hpp.

#include <limits>

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/sm80/register_tile.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_number.hpp>
#include <tenon/kernels/shared/device_rows.hpp>
#include <tenon/kernels/shared/device_scores.hpp>
#include <tenon/kernels/shared/meaning.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

/// Number: of weights and 16-bit results, bf16 or f16. Sum and Pair: a float and two packed numbers, as products hold them.
template <class Leaf, int Dim, int RowTiles, int Keys, class Number, class Sum = float, class Pair = std::uint32_t>
struct attention_registers {
  static constexpr float nothing = -std::numeric_limits<float>::infinity();
  static constexpr int lane_rows = 2 * RowTiles;  ///< rows that a lane has a share of: 16 i + lane / 4 and 8 below it
  using rows = row_values<lane_rows>;
  using tile = shared_tile<Leaf, Dim>;
  using address = typename Leaf::address;
  using place = fragments::sm80::mma_d;

  /// The keys from key0 on, and what becomes of them in this warp: scores, then weights. `next` is the block after them.
  struct block {
    int key0, next;
    Sum s[RowTiles][Keys / 8][4];
    Pair p[RowTiles][Keys / 16][4];
  };
  /// What a warp sees of a block.
  struct view_of_block {
    cover inside;
    TENON_BOTH TENON_INLINE bool empty() const { return inside == cover::none; }
  };

  int first_row;  ///< of this warp
  Sum o[RowTiles][Dim / 8][4];
  float factor;  ///< of scores that are more than scaled: else it is in the exponent

  TENON_BOTH TENON_INLINE attention_registers(int first, float score_factor) : first_row(first), factor(score_factor) {}

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }
  TENON_BOTH TENON_INLINE static constexpr int groups(int) { return 1; }
  TENON_BOTH TENON_INLINE int held(int) const { return 0; }
  TENON_BOTH TENON_INLINE auto& sums(int) { return o; }

  TENON_BOTH TENON_INLINE void clear(Sum (&sums)[RowTiles][Dim / 8][4]) const { sm80::clear(sums); }

  template <class Meaning>
  TENON_BOTH TENON_INLINE static view_of_block live(const block& keys, int, int row0, int count, const Meaning& mean) {
    return {count <= 0 ? cover::none : mean.covers(row0, row0 + count, keys.key0, keys.key0 + Keys)};
  }

  /// s becomes the score, then the mask, of the group of rows [row0, row0 + count) that this warp belongs to.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void interpret(block& keys, view_of_block live, int row0, int count, const Meaning& mean) {
    if constexpr (!Meaning::plain)
      each_score(keys, row0, count, mean, [&](auto& score, position at, int key) TENON_LAMBDA { score = mean.adjust(device_number<Leaf>(score * factor), at, key).value; });
    if (live.inside != cover::all)
      each_score(keys, row0, count, mean, [&](auto& score, position at, int key) TENON_LAMBDA { score = mean.keeps(at, key) ? static_cast<float>(score) : nothing; });
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
  /// s becomes the weights under softmax; returns this lane's share of their sums: `finish` adds the shares.
  template <class State>
  TENON_BOTH TENON_INLINE rows weigh(block& keys, const State& state) {
    rows sum;
    sum.fill(0);
    TENON_UNROLL for (int i = 0; i < RowTiles; ++i)
      TENON_UNROLL for (int n = 0; n < Keys / 8; ++n)
        TENON_UNROLL for (int e = 0; e < 4; ++e) {
          const int r = 2 * i + e / 2;
          const float weight = device_weight(state, keys.s[i][n][e], r);
          sum.at[r] += weight;
          keys.s[i][n][e] = weight;
        }
    return sum;
  }
  /// p = the weights, rounded: the left operand of the product with the values.
  TENON_BOTH TENON_INLINE void narrow(block& keys) const {
    TENON_UNROLL for (int i = 0; i < RowTiles; ++i)
      TENON_UNROLL for (int n = 0; n < Keys / 8; ++n)
        TENON_UNROLL for (int half = 0; half < 2; ++half)
          keys.p[i][n / 2][n % 2 * 2 + half] = Leaf::template pack<Number>(keys.s[i][n][2 * half], keys.s[i][n][2 * half + 1]);
  }
  template <class State>
  TENON_BOTH TENON_INLINE rows exponentiate(block& keys, view_of_block, int, const State& state) {
    const rows sum = weigh(keys, state);
    narrow(keys);
    return sum;
  }

  /// sums *= fade. `moved`: some fade of the warp is not 1.
  TENON_BOTH TENON_INLINE void scale(Sum (&sums)[RowTiles][Dim / 8][4], const rows& fade, bool moved) const {
    if (!moved) return;
    TENON_UNROLL for (int i = 0; i < RowTiles; ++i)
      TENON_UNROLL for (int n = 0; n < Dim / 8; ++n)
        TENON_UNROLL for (int e = 0; e < 4; ++e) sums[i][n][e] *= fade.at[2 * i + e / 2];
  }

  /// A total is spread over the four lanes of its row.
  template <class State>
  TENON_BOTH TENON_INLINE void finish(State& state) const {
    if constexpr (!State::bounded)
      TENON_UNROLL for (int r = 0; r < lane_rows; ++r)
        TENON_UNROLL for (int mask = 1; mask <= 2; mask *= 2) state.total.at[r] += Leaf::shuffle_xor(state.total.at[r], mask);
  }

  /// Row of the block's tile that share r of a lane belongs to.
  TENON_BOTH TENON_INLINE int row_of(int of_lane, int r) const { return first_row + r / 2 * 16 + place::at(of_lane, r % 2 * 2).row; }
  /// Whether a lane speaks for its rows: one of the four that share them.
  TENON_BOTH TENON_INLINE static bool speaks(int lane) { return lane % 4 == 0; }

 protected:
  /// Rows [0, count) of the block's tile = factor o; where factor is 0, 0. `own`: room for this warp's rows in shared memory, which no other
  /// warp uses.
  template <class Rows>
  TENON_BOTH TENON_INLINE void store_through(address own, const Rows& rows_out, int count, const rows& by) const {
    store_rows<Leaf, tile>(o, own, rows_out, first_row, count, [&](int share, float sum) TENON_LAMBDA { return by.at[share] == 0 ? 0.0f : sum * by.at[share]; });
  }

 private:
  // Calls f(score, position of its row, key) for all scores. Rows past the last are asked as the last.
  template <class Meaning, class F>
  TENON_BOTH TENON_INLINE void each_score(block& keys, int row0, int count, const Meaning& mean, F&& f) {
    const int lane = this->lane(), end = row0 + count;
    position at[lane_rows];
    TENON_UNROLL for (int r = 0; r < lane_rows; ++r) {
      const int row = row_of(lane, r);
      at[r] = mean.at(row < end ? row : end - 1, 0);
    }
    TENON_UNROLL for (int n = 0; n < Keys / 8; ++n)
      TENON_UNROLL for (int e = 0; e < 2; ++e)
        TENON_UNROLL for (int r = 0; r < lane_rows; ++r) f(keys.s[r / 2][n][r % 2 * 2 + e], at[r], keys.key0 + 8 * n + place::at(lane, e).column);
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
