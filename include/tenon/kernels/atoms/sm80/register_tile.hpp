#pragma once
// Tiles in the registers of a warp as fragments of mma.m16n8k16, [Tiles x 16 rows][Columns x 8]: products with tiles in shared memory, and the
// way to global memory.

#include <cstdint>
#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/kernels/atoms/sm80/fragments.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

/// Number: bf16 or f16, of the operands. s = a b^T over 16 Steps columns of a [Tiles x 16] and b [Columns x 8], both row-major: a_at and b_at(row, step) are where this lane's row
/// of 16 x 16 numbers lies. Ahead, 0 or 1: fragments of a are loaded a step before their products, those of b one fragment.
template <class Leaf, class Number, int Steps, int Ahead = 0, int Tiles, int Columns, class A, class B>
TENON_BOTH TENON_INLINE void multiply_rows(float (&s)[Tiles][Columns][4], const A& a_at, const B& b_at) {
  constexpr int pairs = Columns / 2;
  std::uint32_t a[1 + Ahead][Tiles][4], b[1 + Ahead][4];  // b: columns 0 to 7 and 8 to 15 of rows 0 to 7, then of rows 8 to 15
  const auto load_a = [&](int step) TENON_LAMBDA {
    TENON_UNROLL for (int i = 0; i < Tiles; ++i) Leaf::load_matrices(a[step % (1 + Ahead)][i], a_at(16 * i, step));
  };
  const auto load_b = [&](int at) TENON_LAMBDA { Leaf::load_matrices(b[at % (1 + Ahead)], b_at(at % pairs * 16, at / pairs)); };
  if constexpr (Ahead == 1) load_a(0), load_b(0);
  TENON_UNROLL for (int at = 0; at < Steps * pairs; ++at) {
    const int step = at / pairs, n = at % pairs;
    if (n == 0 && step + Ahead < Steps) load_a(step + Ahead);
    if (at + Ahead < Steps * pairs) load_b(at + Ahead);
    if constexpr (Ahead == 1)
      if (n == 0) Leaf::keep_loads_early();
    const std::uint32_t(&right)[4] = b[at % (1 + Ahead)];
    TENON_UNROLL for (int i = 0; i < Tiles; ++i) {
      const std::uint32_t(&left)[4] = a[step % (1 + Ahead)][i];
      if (step == 0) {
        Leaf::template mma_first<Number>(s[i][2 * n], left, right[0], right[1]);
        Leaf::template mma_first<Number>(s[i][2 * n + 1], left, right[2], right[3]);
      } else {
        Leaf::template mma<Number>(s[i][2 * n], left, right[0], right[1]);
        Leaf::template mma<Number>(s[i][2 * n + 1], left, right[2], right[3]);
      }
    }
  }
}

/// sums += left b, b row-major [Steps x 16][Columns x 8].
template <class Leaf, class Number, int Tiles, int Columns, int Steps, class B>
TENON_BOTH TENON_INLINE void add_product(float (&sums)[Tiles][Columns][4], const std::uint32_t (&left)[Tiles][Steps][4], const B& b_at) {
  TENON_UNROLL for (int step = 0; step < Steps; ++step)
    TENON_UNROLL for (int n = 0; n < Columns / 2; ++n) {
      std::uint32_t b[4];  // rows 0 to 7 and 8 to 15 of columns 0 to 7, then of columns 8 to 15
      Leaf::load_matrices_transposed(b, b_at(16 * step, n));
      TENON_UNROLL for (int i = 0; i < Tiles; ++i) {
        Leaf::template mma<Number>(sums[i][2 * n], left[i][step], b[0], b[1]);
        Leaf::template mma<Number>(sums[i][2 * n + 1], left[i][step], b[2], b[3]);
      }
    }
}

/// The sums, rounded, as a left operand.
template <class Leaf, class Number, class Pair, class Sum, int Tiles, int Columns>
TENON_BOTH TENON_INLINE void pack_left(Pair (&left)[Tiles][Columns / 2][4], const Sum (&s)[Tiles][Columns][4]) {
  TENON_UNROLL for (int i = 0; i < Tiles; ++i)
    TENON_UNROLL for (int n = 0; n < Columns; ++n)
      TENON_UNROLL for (int half = 0; half < 2; ++half) left[i][n / 2][n % 2 * 2 + half] = Leaf::template pack<Number>(s[i][n][2 * half], s[i][n][2 * half + 1]);
}

template <class Sum, int Tiles, int Columns>
TENON_BOTH TENON_INLINE void clear(Sum (&sums)[Tiles][Columns][4]) {
  TENON_UNROLL for (int i = 0; i < Tiles; ++i)
    TENON_UNROLL for (int n = 0; n < Columns; ++n)
      TENON_UNROLL for (int e = 0; e < 4; ++e) sums[i][n][e] = 0;
}

/// Rows first_row to first_row + 16 Tiles of out, those below `count`: by(share, sum) of each sum, share 2 i + half being rows 16 i + 8 half +
/// lane / 4. 16-bit numbers go through `room`, rows of the shared tile that are this warp's alone, so that whole 16 bytes are written.
template <class Leaf, class Tile, class Sum, int Tiles, int Columns, class Rows, class By>
TENON_BOTH TENON_INLINE void store_rows(const Sum (&sums)[Tiles][Columns][4], typename Leaf::address room, const Rows& out, int first_row, int count, const By& by) {
  using number = std::remove_cvref_t<decltype(*out(0))>;
  using place = fragments::sm80::mma_d;
  const int lane = Leaf::thread() % 32;
  if constexpr (sizeof(number) == 4) {
    TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r) {
      const int row = first_row + r / 2 * 16 + place::at(lane, r % 2 * 2).row;
      if (row >= count) continue;
      number* const to_row = out(row) + place::at(lane, 0).column;
      TENON_UNROLL for (int n = 0; n < Columns; ++n) {
        const Sum* const pair = &sums[r / 2][n][r % 2 * 2];
        Leaf::store(reinterpret_cast<bits64*>(to_row + 8 * n), bits64{{bit_cast<std::uint32_t>(by(r, pair[0])), bit_cast<std::uint32_t>(by(r, pair[1]))}});
      }
    }
  } else {
    Leaf::sync_warp();
    TENON_UNROLL for (int r = 0; r < 2 * Tiles; ++r)
      TENON_UNROLL for (int n = 0; n < Columns; ++n) {
        const fragment_place at = place::at(lane, r % 2 * 2);
        const Sum* const pair = &sums[r / 2][n][r % 2 * 2];
        Leaf::store_shared(room + Tile::offset(r / 2 * 16 + at.row, n) + static_cast<typename Leaf::address>(at.column * 2), Leaf::template pack<number>(by(r, pair[0]), by(r, pair[1])));
      }
    Leaf::sync_warp();
    TENON_UNROLL for (int i = 0; i < 16 * Tiles * Tile::chunks / 32; ++i) {
      const int row = i * (32 / Tile::chunks) + lane / Tile::chunks, chunk = lane % Tile::chunks;
      if (first_row + row < count) Leaf::store(reinterpret_cast<bits128*>(out(first_row + row) + chunk * 8), Leaf::template load_shared<bits128>(room + Tile::offset(row, chunk)));
    }
  }
}

}  // namespace atoms::sm80
TENON_KERNELS_END
