#pragma once
// Which element of which lane is which element of a matrix, for the matrix instructions of sm_80. Source: PTX ISA 8.x, 9.7.14.5.8
// (mma.m16n8k16, floating point), the sections of m16n8k8 and m16n8k32, and 9.7.14.5.15 (ldmatrix). Elements of 16 bits lie two to a register, the even one in the low half.

#include <tenon/kernels/shared/fragment.hpp>

namespace tenon::fragments::sm80 {

/// The left operand of mma.m16n8 [16, k] of numbers of Bytes bytes, `packed` to a register, in Registers registers: k is 32 bytes, or 16 where
/// there are two.
template <int Bytes, int Registers = 4>
struct mma_left {
  static constexpr int packed = 4 / Bytes, lanes = 32, elements = Registers * packed, rows = 16, columns = Registers / 2 * 4 * packed;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) {
    const int r = element / packed;
    return {lane / 4 + 8 * (r % 2), (lane % 4 + 4 * (r / 2)) * packed + element % packed};
  }
};
/// The right operand [k, 8 (n)] in half as many registers.
template <int Bytes, int Registers = 2>
struct mma_right {
  static constexpr int packed = 4 / Bytes, lanes = 32, elements = Registers * packed, rows = Registers * 4 * packed, columns = 8;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {(lane % 4 + 4 * (element / packed)) * packed + element % packed, lane / 4}; }
};
/// Those of mma.m16n8k16: elements 2 r and 2 r + 1 are register r.
using mma_a = mma_left<2>;
using mma_b = mma_right<2>;

/// The sums [16, 8]: one float to a register.
struct mma_d {
  static constexpr int lanes = 32, elements = 4, rows = 16, columns = 8;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 4 + 8 * (element / 2), lane % 4 * 2 + element % 2}; }
};

/// One 8 x 8 matrix as ldmatrix delivers it: one register per lane.
struct matrix_8x8 {
  static constexpr int lanes = 32, elements = 2, rows = 8, columns = 8;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 4, lane % 4 * 2 + element}; }
};
/// The same with .trans.
struct matrix_8x8_transposed {
  static constexpr int lanes = 32, elements = 2, rows = 8, columns = 8;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane % 4 * 2 + element, lane / 4}; }
};

static_assert(is_bijection<mma_left<4>>() && is_bijection<mma_right<4>>() && is_bijection<mma_left<1>>() && is_bijection<mma_right<1>>());
static_assert(is_bijection<mma_left<2, 2>>() && is_bijection<mma_right<2, 1>>());
static_assert(is_bijection<mma_a>() && is_bijection<mma_b>() && is_bijection<mma_d>() && is_bijection<matrix_8x8>() && is_bijection<matrix_8x8_transposed>());

namespace fragment_checks {

// Register r of `Whole` is an 8 x 8 matrix at (row, column): what one ldmatrix delivers as operand.
template <class Whole, class Part>
consteval bool register_is(int r, int row, int column) {
  for (int lane = 0; lane < 32; ++lane)
    for (int e = 0; e < 2; ++e) {
      const fragment_place a = Whole::at(lane, 2 * r + e), b = Part::at(lane, e);
      if (a.row != b.row + row || a.column != b.column + column) return false;
    }
  return true;
}

// The left operand is four matrices: rows 0 and 8 of columns 0 to 7, then of columns 8 to 15.
static_assert(register_is<mma_a, matrix_8x8>(0, 0, 0) && register_is<mma_a, matrix_8x8>(1, 8, 0) && register_is<mma_a, matrix_8x8>(2, 0, 8) &&
              register_is<mma_a, matrix_8x8>(3, 8, 8));
// The right one comes transposed from a row-major [k, n], and as it is from a row-major [n, k].
static_assert(register_is<mma_b, matrix_8x8_transposed>(0, 0, 0) && register_is<mma_b, matrix_8x8_transposed>(1, 8, 0));

// Two sums beside each other, rounded, are a left operand: weights go from one product to the next without moving between lanes.
consteval bool sums_are_left_operand() {
  for (int lane = 0; lane < 32; ++lane)
    for (int r = 0; r < 4; ++r)
      for (int e = 0; e < 2; ++e) {
        const fragment_place a = mma_a::at(lane, 2 * r + e), d = mma_d::at(lane, 2 * (r % 2) + e);
        if (a.row != d.row || a.column != d.column + 8 * (r / 2)) return false;
      }
  return true;
}
static_assert(sums_are_left_operand());

}  // namespace fragment_checks
}  // namespace tenon::fragments::sm80
