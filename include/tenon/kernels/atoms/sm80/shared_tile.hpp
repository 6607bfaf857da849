#pragma once
// A tile of 16-bit numbers in shared memory, as ldmatrix wants it: rows of Columns numbers, whose 16-byte chunks are permuted so that
// the eight rows of a matrix fall into different banks. Chunk c of row r lies at place c ^ (r % 8).

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

template <class Leaf, int Columns>
struct shared_tile {
  static_assert(Columns % 64 == 0, "[shared_tile] rows are multiples of 128 bytes: eight chunks are what the permutation needs.");
  using address = typename Leaf::address;
  static constexpr int row_bytes = Columns * 2, chunks = Columns / 8;

  /// Where chunk `chunk` of row `row` lies, from the start of the tile.
  TENON_BOTH TENON_INLINE static constexpr address offset(int row, int chunk) {
    return static_cast<address>(row * row_bytes + (chunk ^ (row & 7)) * 16);
  }

  /// In which order ldmatrix gives the four matrices of 16 x 16 numbers: an operand's registers then stand side by side.
  enum class order {
    rows_first,   ///< rows 0 and 8 of the first chunk, then of the second: mma_a, or transposed two of mma_b [16 (k), 8] beside each other
    chunks_first  ///< both chunks of row 0, then of row 8: two of mma_b from a row-major [n, k] below each other
  };
  /// The addresses that this lane gives to ldmatrix. Four registers reach all of the tile; the rest of an address is a constant.
  struct lane_rows {
    address at[4];
    TENON_BOTH TENON_INLINE explicit lane_rows(const address (&places)[4]) : at{places[0], places[1], places[2], places[3]} {}
    TENON_BOTH TENON_INLINE lane_rows(address tile, int lane, order how) {
      const int low = lane / 8 % 2, high = lane / 16;
      for (int i = 0; i < 4; ++i)
        at[i] = tile + (how == order::rows_first ? offset(lane % 8 + 8 * low, high ^ (2 * i)) : offset(lane % 8 + 8 * high, low ^ (2 * i)));
    }
    /// Of the 16 x 16 numbers at row `row` (a multiple of 16) and column 16 `step`.
    TENON_BOTH TENON_INLINE address operator()(int row, int step) const {
      return at[step % 4] + static_cast<address>(row * row_bytes + step / 4 * 128);
    }
  };

  /// The same in one register until `all` are asked for, which costs three instructions each time.
  struct lane_row {
    address at;
    TENON_BOTH TENON_INLINE lane_row(address tile, int lane, order how) : at(lane_rows(tile, lane, how).at[0]) {}
    TENON_BOTH TENON_INLINE lane_rows all() const { return lane_rows({at, Leaf::xor_anew(at, 32), Leaf::xor_anew(at, 64), Leaf::xor_anew(at, 96)}); }
  };

  /// This thread's share of a copy of Rows rows from a row-major matrix, by all Threads of the block.
  template <int Rows, int Threads>
  struct copier {
    static constexpr int rows_at_once = Threads / chunks, steps = Rows / rows_at_once;
    static_assert(Threads % chunks == 0 && Rows % rows_at_once == 0 && rows_at_once % 8 == 0);
    int row, column;  ///< of its first chunk; its others are rows_at_once rows apart
    address to;       ///< of its first chunk, from the start of the tile

    TENON_BOTH TENON_INLINE explicit copier(int thread) : row(thread / chunks), column(thread % chunks * 8), to(offset(thread / chunks, thread % chunks)) {}
    TENON_BOTH TENON_INLINE static constexpr address place(int step) { return static_cast<address>(step * rows_at_once * row_bytes); }
  };
};

}  // namespace atoms::sm80
TENON_KERNELS_END
