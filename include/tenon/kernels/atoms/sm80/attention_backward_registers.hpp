#pragma once
// What attention's gradients keep in registers on NVIDIA GPUs, and what becomes of it there. What stays with a block of threads (a block of keys
// and values, or a tile of q and d_out) is the left side of its products: a warp owns Tiles x 16 rows of it. What goes by, Across at a time, is the
// right side. Scores x and dw come out of the first products as rows of the side that stays, so that rounded they are the left operand of the
// sums, without moving between lanes: with keys that stay these are x^T and dw^T. Fragments are those of mma.m16n8k16, which those of wgmma
// repeat; how operands reach the products is each generation's own: sm80/attention_backward.hpp, sm90a/attention_backward.hpp.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/sm80/register_tile.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>
#include <tenon/kernels/shared/device_slopes.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

/// Number: of the operands and, rounded, of w and dx, bf16 or f16. Sum and Pair: a float and two packed numbers, as products hold them.
template <class Leaf, gradients_of Kept, int Dim, int Tiles, int Across, class Number, class Sum = float, class Pair = std::uint32_t>
struct attention_backward_registers {
  static constexpr bool of_keys = Kept == gradients_of::keys;
  static constexpr int warp_rows = 16 * Tiles, operands = of_keys ? 2 : 1;
  using place = fragments::sm80::mma_d;
  using shared = shared_tile<Leaf, Dim>;
  using address = typename Leaf::address;

  /// Rows [row0, end) of what this warp sees: x and dw, then w and dx, then both as left operands.
  struct tile {
    int row0, end;
    cover inside;
    std::uint32_t seen[(Tiles * Across + 63) / 64];  // where only some scores live: one bit for each of this lane
    Sum x[Tiles][Across / 8][4], dw[Tiles][Across / 8][4];
    Pair left[operands][Tiles][Across / 16][4];  // dx, and w where keys stay: those of the sums
  };

  int first;                                ///< row of this warp in what stays
  Sum sums[operands][Tiles][Dim / 8][4];    ///< of dk and dv, or of dq
  float factor;
  float reference[2 * Tiles], agreement[2 * Tiles];  // of the lane's rows, where rows stay

  TENON_BOTH TENON_INLINE attention_backward_registers(int first_row, float score_factor) : first(first_row), factor(score_factor) {
    TENON_UNROLL for (auto& each : sums) clear(each);
  }
  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }

 protected:
  // Calls body(tile) for rows [row0, row_end) of keys [key0, key_end), where the mask leaves some. It is asked before there are scores: what it needs
  // then has their registers. block_key: the key of the first score, where keys go by, or of the first row of what stays.
  template <class Meaning, class Body>
  TENON_BOTH TENON_INLINE void visit(const Meaning& mean, int row0, int row_end, int key0, int key_end, int block_key, const Body& body) const {
    tile here;  // made anew: a warp that skips it keeps nothing alive
    here.row0 = row0, here.end = row_end, here.inside = mean.covers(row0, row_end, key0, key_end);
    if (here.inside == cover::none) return;
    if (here.inside != cover::all) look(here, block_key, mean);
    body(here);
  }

  // x and dw become w and dx, then left operands. facts: where those of the rows that go by lie in shared memory.
  template <class Meaning, class Slopes>
  TENON_BOTH TENON_INLINE void differentiate_tile(tile& of, int key0, const Meaning& mean, const Slopes& slopes, address facts) const {
    each_score<Slopes>(of, key0, mean, facts, [&](int i, int n, int e, position p, int key, float refers, float agrees) TENON_LAMBDA {
      float x = of.x[i][n][e], dw = of.dw[i][n][e];
      device_differentiate<Leaf>(x, dw, mean, slopes, p, key, factor, refers, agrees);
      of.x[i][n][e] = x, of.dw[i][n][e] = dw;
    });
    if (of.inside != cover::all)
      TENON_UNROLL for (int i = 0; i < Tiles; ++i)
        TENON_UNROLL for (int n = 0; n < Across / 8; ++n)
          TENON_UNROLL for (int e = 0; e < 4; ++e) {
            const bool sees = (of.seen[n / seen_columns] >> (4 * Tiles * (n % seen_columns) + i * 4 + e) & 1u) != 0;
            of.x[i][n][e] = sees ? static_cast<float>(of.x[i][n][e]) : 0.0f, of.dw[i][n][e] = sees ? static_cast<float>(of.dw[i][n][e]) : 0.0f;
          }
    if constexpr (of_keys) pack_left<Leaf, Number>(of.left[1], of.x);
    pack_left<Leaf, Number>(of.left[0], of.dw);
  }

  // Rows [0, count) of what stays = by sums[Which]. own: room for this warp's rows in shared memory.
  template <int Which, class Rows>
  TENON_BOTH TENON_INLINE void store_through(address own, const Rows& out, int count, float by) const {
    store_rows<Leaf, shared>(sums[Which], own, out, first, count, [by](int, float sum) TENON_LAMBDA { return sum * by; });
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

  // Row of what stays that share r of a lane is; and a row, or the last one.
  TENON_BOTH TENON_INLINE int kept_row(int lane, int r) const { return first + r / 2 * 16 + place::at(lane, r % 2 * 2).row; }
  TENON_BOTH TENON_INLINE static int row_within(const tile& of, int row) { return row < of.end ? row : of.end - 1; }

 private:
  static constexpr int seen_columns = 8 / Tiles;  // bits of so many n to a word
  static_assert(8 % Tiles == 0);

  // Reference and agreement of a row that stays, or of two neighbours that go by.
  template <class Slopes>
  TENON_BOTH TENON_INLINE bits128 facts_of(int at, address facts) const {
    if constexpr (!Slopes::of_rows)
      return {};
    else if constexpr (of_keys)
      return Leaf::template load_shared<bits128>(facts + static_cast<address>(at * 8));
    else
      return {{bit_cast<std::uint32_t>(reference[at]), bit_cast<std::uint32_t>(agreement[at]), 0u, 0u}};
  }
  // Calls f(i, n, e, position of its row, key, facts) for the scores x[i][n][e], row by row: a row's position is found once. Rows past the last
  // are asked as the last.
  template <class Slopes, class Meaning, class F>
  TENON_BOTH TENON_INLINE void each_score(const tile& of, int key0, const Meaning& mean, address facts, const F& f) const {
    const int lane = this->lane();
    if constexpr (of_keys) {
      const int column = place::at(lane, 0).column;
      TENON_UNROLL for (int n = 0; n < Across / 8; ++n) {
        const bits128 of_two = facts_of<Slopes>(8 * n + column, facts);
        TENON_UNROLL for (int e = 0; e < 2; ++e) {
          const position p = mean.at(row_within(of, of.row0 + 8 * n + column + e), 0);
          TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r)
            f(r / 2, n, r % 2 * 2 + e, p, key0 + kept_row(lane, r), bit_cast<float>(of_two.word[2 * e]), bit_cast<float>(of_two.word[2 * e + 1]));
        }
      }
    } else {
      TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r) {
        const position p = mean.at(row_within(of, kept_row(lane, r)), 0);
        const bits128 own = facts_of<Slopes>(r, facts);
        TENON_UNROLL for (int n = 0; n < Across / 8; ++n)
          TENON_UNROLL for (int e = 0; e < 2; ++e) f(r / 2, n, r % 2 * 2 + e, p, key0 + 8 * n + place::at(lane, e).column, bit_cast<float>(own.word[0]), bit_cast<float>(own.word[1]));
      }
    }
  }
  // Bit (n 4 Tiles + i 4 + e) says whether score x[i][n][e] lives. Not unrolled along n: it is asked where registers are few.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void look(tile& of, int key0, const Meaning& mean) const {
    const int lane = this->lane(), passing = of_keys ? of.end - of.row0 : mean.length - key0;
    TENON_UNROLL for (int word = 0; word < (Tiles * Across + 63) / 64; ++word) {
      std::uint32_t seen = 0;
      for (int n = word * seen_columns; 8 * n < passing && n < (word + 1) * seen_columns && n < Across / 8; ++n)
        TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r)
          TENON_UNROLL for (int e = 0; e < 2; ++e) {
            const int kept_here = kept_row(lane, r), passes = 8 * n + place::at(lane, e).column;
            const bool sees = mean.keep(row_within(of, of_keys ? of.row0 + passes : kept_here), key0 + (of_keys ? kept_here : passes));
            seen |= static_cast<std::uint32_t>(sees) << (4 * Tiles * (n % seen_columns) + r / 2 * 4 + r % 2 * 2 + e);
          }
      of.seen[word] = seen;
    }
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
