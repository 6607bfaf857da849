#pragma once
// What the words of AMD's GPUs hand to a matrix instruction, of whichever machine. The leaf multiplies [side, 32 bytes of depth] by [32 bytes,
// side] into sums [side, side]; two lanes, side apart, share each row of an operand and each column of the sums. A Leaf says how:
//
//   side                 32 on CDNA, 16 on RDNA
//   chunks               16-byte chunks of its row that a lane holds: 1, the chunk of its half of the wave, or 2, where both lanes hold both
//   sums<Number>, place  the sums of one lane, and where they belong
//   lane_of, row_of      which row of the left operand lies in which lane, so that `place` is true
//
// In which order an instruction takes the depth does not show, since both operands lie in the same order.

#include <cstdint>

#include <tenon/kernels/shared/fragment.hpp>
#include <tenon/kernels/shared/matrix_number.hpp>

namespace tenon::fragments::amd {

/// 16 bytes as one value: compilers take an array of four words apart, and then load it in pieces.
using chunk_words = std::uint32_t __attribute__((vector_size(16)));

/// A lane's share of an operand: chunks of 16 bytes of one row.
template <int Chunks>
struct operand {
  chunk_words chunk[Chunks];
};

// 8 or 16 sums of one lane.
using floats8 = float __attribute__((vector_size(32)));
using floats16 = float __attribute__((vector_size(64)));
using integers8 = std::int32_t __attribute__((vector_size(32)));
using integers16 = std::int32_t __attribute__((vector_size(64)));

/// Whether the two operands of an instruction lie in one order, a row (a column) to a lane: then any order of the depth is right.
template <class Left, class Right>
consteval bool same_order() {
  if (Left::lanes != Right::lanes || Left::elements != Right::elements) return false;
  for (int lane = 0; lane < Left::lanes; ++lane)
    for (int e = 0; e < Left::elements; ++e) {
      const fragment_place left = Left::at(lane, e), right = Right::at(lane, e);
      if (left.row != lane % Left::rows || right.column != left.row || left.column != right.row) return false;
    }
  return true;
}

/// Whether Matrices::place is where Sums, the instruction's own table, puts the sums of a left operand whose rows lie as lane_of says, and
/// whether words may count on it: four sums of a lane are neighbours, and eight of 16 rows are its own.
template <class Matrices, class Sums>
consteval bool places_are_true() {
  using place = typename Matrices::place;
  for (int row = 0; row < Matrices::side; ++row)
    if (Matrices::row_of(Matrices::lane_of(row)) != row) return false;
  for (int lane = 0; lane < Sums::lanes; ++lane)
    for (int e = 0; e < Sums::elements; ++e) {
      const fragment_place at = place::at(lane, e), of_sums = Sums::at(lane, e), four = place::at(lane, e / 4 * 4);
      if (at.row != Matrices::row_of(of_sums.row) || at.column != of_sums.column || at.column != lane % Matrices::side) return false;
      if (at.row != four.row + e % 4 || at.row / 16 != e / 8 || at.row != place::at(lane, 0).row + place::at(0, e).row) return false;
    }
  return true;
}

}  // namespace tenon::fragments::amd
