#pragma once
// Tiles in the registers of a wave of AMD's GPUs, a column of sums [side, side] to a lane and to the lane `side` above it: products with tiles in
// shared memory, and the way to global memory. What one product leaves in a lane is what the next wants there as its right operand, or in
// the lane beside it.
//
// A tile in shared memory is straight, rows of Dim numbers and 16 bytes more, in the order of their lanes, or crossed: for each 16 rows and half of the
// wave the 8 rows whose scores its lanes hold, [Dim][8].

#include <cstdint>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/amd/matrices.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

/// Number: of operands, bf16 or f16.
template <class Leaf, int Dim, class Number = bf16>
struct lane_tile {
  static constexpr int lanes = Leaf::lanes, side = Leaf::side, per_tile = side * side / lanes;  ///< sums of a lane
  using address = typename Leaf::address;
  using place = typename Leaf::place;
  using operand = typename Leaf::operand;
  using sums = typename Leaf::template sums<Number>;
  using chunk_words = fragments::amd::chunk_words;
  static constexpr int row_bytes = Dim * 2 + 16;  ///< of a straight tile: neighbours begin in different banks

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % lanes; }
  /// The chunk of an operand that a lane's first 16 bytes are.
  TENON_BOTH TENON_INLINE static int first_chunk() { return Leaf::chunks == 1 ? lane() / side : 0; }
  /// Where a row lies in a straight tile.
  TENON_BOTH TENON_INLINE static constexpr address straight_place(int row) { return static_cast<address>((row / side * side + Leaf::lane_of(row % side)) * row_bytes); }
  /// Where the 8 rows of `group` (16 rows and a half of the wave) of one dim lie: permuted, so that threads that write and read them meet all
  /// banks, those of row_of's order too.
  TENON_BOTH TENON_INLINE static constexpr address crossed_place(int group, int dim) {
    const int eight = dim / 8;
    return static_cast<address>((group * Dim + (dim ^ (eight % 4 | eight % 2 * 4))) * 16);
  }
  /// Row i of the 8 of a group.
  TENON_BOTH TENON_INLINE static constexpr int row_of_group(int group, int i) { return group / 2 * 16 + place::at(group % 2 * side, i).row; }
  /// Row of element e of sums in this lane, and of the first of them.
  TENON_BOTH TENON_INLINE static constexpr int row_of(int e) { return place::at(0, e).row; }
  TENON_BOTH TENON_INLINE static int first_row() { return place::at(lane(), 0).row; }

  /// A lane's share of an operand in shared memory, whose chunks are Apart bytes apart.
  template <int Apart>
  TENON_BOTH TENON_INLINE static operand take(address at) {
    operand out;
    TENON_UNROLL for (int c = 0; c < Leaf::chunks; ++c) out.chunk[c] = Leaf::template load_shared<chunk_words>(at + static_cast<address>(c * Apart));
    return out;
  }
  /// Rounded sums of 16 rows as an operand: this half's 8 rows, where lanes hold both chunks with those of the other half.
  TENON_BOTH TENON_INLINE static operand gathered(const bits128& own) {
    if constexpr (Leaf::chunks == 1) {
      return {{bit_cast<chunk_words>(own)}};
    } else {
      operand out;
      const bool upper = lane() >= side;
      TENON_UNROLL for (int i = 0; i < 4; ++i) {
        const std::uint32_t other = Leaf::shuffle_xor(own.word[i], side);
        out.chunk[0][i] = upper ? other : own.word[i];
        out.chunk[1][i] = upper ? own.word[i] : other;
      }
      return out;
    }
  }

  /// A lane's share of row `from` of a matrix in global memory, as the right operands of a product along Dim; zeros where it is not there.
  TENON_BOTH TENON_INLINE static void hold(operand (&to)[Dim / 16], const Number* from, bool there) {
    TENON_UNROLL for (int step = 0; step < Dim / 16; ++step)
      TENON_UNROLL for (int c = 0; c < Leaf::chunks; ++c)
        to[step].chunk[c] = there ? Leaf::load(reinterpret_cast<const chunk_words*>(from + first_chunk() * 8 + 16 * step + 8 * c)) : chunk_words{};
  }
  /// The same row into shared memory, in the order of its numbers: it is there for the lanes that hold it after a barrier.
  TENON_BOTH TENON_INLINE static void put_aside(address to, const operand (&row)[Dim / 16]) {
    if (Leaf::chunks == 1 || lane() < side)
      TENON_UNROLL for (int step = 0; step < Dim / 16; ++step)
        TENON_UNROLL for (int c = 0; c < Leaf::chunks; ++c) Leaf::store_shared(to + static_cast<address>(first_chunk() * 16 + 32 * step + 16 * c), row[step].chunk[c]);
  }
  TENON_BOTH TENON_INLINE static operand take_aside(address at, int step) { return take<16>(at + static_cast<address>(first_chunk() * 16 + 32 * step)); }
  /// s = tile x^T: rows of a straight tile, side for side; x(step) is an operand.
  template <int Tiles, class X>
  TENON_BOTH TENON_INLINE static void multiply_steps(sums (&s)[Tiles], address tile, const X& x) {
    const address at = tile + static_cast<address>(lane() % side * row_bytes + first_chunk() * 16);
    TENON_UNROLL for (sums& each : s) each = sums{};
    TENON_UNROLL for (int step = 0; step < Dim / 16; ++step) {
      Leaf::in_steps();
      const operand right = x(step);
      TENON_UNROLL for (int n = 0; n < Tiles; ++n) Leaf::template multiply<Number>(s[n], take<16>(at + static_cast<address>(n * side * row_bytes + step * 32)), right);
    }
  }
  template <int Tiles>
  TENON_BOTH TENON_INLINE static void multiply_rows(sums (&s)[Tiles], address tile, const operand (&x)[Dim / 16]) {
    multiply_steps(s, tile, [&](int step) TENON_LAMBDA { return x[step]; });
  }
  /// The sums, rounded: right operands of 16 rows each.
  template <int Tiles>
  TENON_BOTH TENON_INLINE static void pack(bits128 (&to)[Tiles * side / 16], const sums (&s)[Tiles]) {
    TENON_UNROLL for (int n = 0; n < Tiles; ++n)
      TENON_UNROLL for (int e = 0; e < per_tile; e += 2) to[n * (side / 16) + e / 8].word[e / 2 % 4] = Leaf::template pack<Number>(s[n][e], s[n][e + 1]);
  }
  /// to^T += tile^T right over the rows of a crossed tile, 16 for each of Steps: right(step) is an operand.
  template <int Steps, class Right>
  TENON_BOTH TENON_INLINE static void add_steps(sums (&to)[Dim / side], address tile, const Right& right) {
    address at[32 / side];  // dims further on in steps of 32: the permutation of places repeats there
    TENON_UNROLL for (int i = 0; i < 32 / side; ++i) at[i] = tile + crossed_place(first_chunk(), Leaf::row_of(lane() % side) + i * side);
    TENON_UNROLL for (int n = 0; n < Steps; ++n) {
      const operand own = right(n);
      TENON_UNROLL for (int d = 0; d < Dim / side; ++d)
        Leaf::template multiply<Number>(to[d], take<Dim * 16>(at[d % (32 / side)] + static_cast<address>((2 * n * Dim + d / (32 / side) * 32) * 16)), own);
    }
  }
  /// The same with right operands that are rounded sums.
  template <int Steps>
  TENON_BOTH TENON_INLINE static void add_product(sums (&to)[Dim / side], address tile, const bits128 (&right)[Steps]) {
    add_steps<Steps>(to, tile, [&](int n) TENON_LAMBDA { return gathered(right[n]); });
  }

  /// Two dims of the 8 rows of a group, into a straight tile whose rows have them at `column`, and into a crossed one.
  TENON_BOTH TENON_INLINE static void store_straight(address tile, int group, int column, const std::uint32_t (&rows)[8]) {
    TENON_UNROLL for (int i = 0; i < 8; ++i) Leaf::store_shared(tile + straight_place(row_of_group(group, i)) + static_cast<address>(2 * column), rows[i]);
  }
  TENON_BOTH TENON_INLINE static void store_crossed(address tile, int group, int dim, const std::uint32_t (&rows)[8]) {
    bits128 low, high;
    TENON_UNROLL for (int i = 0; i < 4; ++i) {
      low.word[i] = (rows[2 * i] & 0xffffu) | rows[2 * i + 1] << 16;
      high.word[i] = rows[2 * i] >> 16 | (rows[2 * i + 1] & 0xffff0000u);
    }
    Leaf::store_shared(tile + crossed_place(group, dim), low);
    Leaf::store_shared(tile + crossed_place(group, dim + 1), high);
  }
  /// A lane's share of a row in global memory = the sums, each times `by`; where that is 0, 0.
  template <class Out>
  TENON_BOTH TENON_INLINE static void store(Out* to_row, const sums (&from)[Dim / side], float by) {
    TENON_UNROLL for (int d = 0; d < Dim / side; ++d)
      TENON_UNROLL for (int e = 0; e < per_tile; e += 4) {
        float v[4];
        TENON_UNROLL for (int i = 0; i < 4; ++i) v[i] = by == 0 ? 0.0f : from[d][e + i] * by;
        Out* const at = to_row + first_row() + side * d + row_of(e);
        if constexpr (sizeof(Out) == 4)
          Leaf::store(reinterpret_cast<bits128*>(at), bits128{{bit_cast<std::uint32_t>(v[0]), bit_cast<std::uint32_t>(v[1]), bit_cast<std::uint32_t>(v[2]), bit_cast<std::uint32_t>(v[3])}});
        else
          Leaf::store(reinterpret_cast<bits64*>(at), bits64{{Leaf::template pack<Out>(v[0], v[1]), Leaf::template pack<Out>(v[2], v[3])}});
      }
  }

};

}  // namespace atoms::amd
TENON_KERNELS_END
