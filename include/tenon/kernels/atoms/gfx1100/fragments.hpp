#pragma once
// Which element of which lane is which element of a matrix, for the matrix instructions of RDNA3 in waves of 32. Source: RDNA3 instruction
// set, wave matrix multiply accumulate, and AMD's matrix instruction calculator.

#include <tenon/kernels/atoms/amd/matrices.hpp>

namespace tenon::fragments::gfx1100 {

/// The left operand of v_wmma_*_16x16x16 [16, 16], of numbers of 16 and of 8 bits. Lanes 16 to 31 must hold the same.
struct wmma_left {
  static constexpr int lanes = 16, elements = 16, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane, element}; }
};
/// Its right operand [16, 16], in lanes 16 to 31 once more.
struct wmma_right {
  static constexpr int lanes = 16, elements = 16, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {element, lane}; }
};
/// Its sums [16, 16]: even rows in lanes 0 to 15.
struct wmma_sums {
  static constexpr int lanes = 32, elements = 8, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {2 * element + lane / 16, lane % 16}; }
};

static_assert(is_bijection<wmma_left>() && is_bijection<wmma_right>() && is_bijection<wmma_sums>());

/// What words see of them (atoms/amd/matrices.hpp): with rows 0 to 7 of the left operand in even lanes, each lane has eight neighbouring sums.
struct matrices {
  static constexpr int side = 16, chunks = 2;
  using operand = amd::operand<chunks>;
  template <class Number>
  using sums = std::conditional_t<std::is_integral_v<sum_of<Number>>, amd::integers8, amd::floats8>;
  struct place {
    TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 16 * 8 + element, lane % 16}; }
  };
  TENON_BOTH static constexpr int lane_of(int row) { return row % 8 * 2 + row / 8; }
  TENON_BOTH static constexpr int row_of(int lane) { return lane % 2 * 8 + lane / 2; }
};
static_assert(amd::same_order<wmma_left, wmma_right>() && amd::places_are_true<matrices, wmma_sums>());

}  // namespace tenon::fragments::gfx1100
