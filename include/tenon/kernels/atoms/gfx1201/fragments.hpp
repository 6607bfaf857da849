#pragma once
// Which element of which lane is which element of a matrix, for the matrix instructions of RDNA4 in waves of 32. Source: RDNA4 instruction
// set, wave matrix multiply accumulate, and AMD's matrix instruction calculator.

#include <tenon/kernels/atoms/amd/matrices.hpp>

namespace tenon::fragments::gfx1201 {

/// The left operand of v_wmma_*_16x16x16 [16, 16]: eight numbers of a row in a lane, which of them depends on their size.
template <int Bytes>
struct wmma_left {
  static constexpr int lanes = 32, elements = 8, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) {
    return {lane % 16, Bytes == 2 ? element / 4 * 8 + lane / 16 * 4 + element % 4 : lane / 16 * 8 + element};
  }
};
/// Its right operand [16, 16].
template <int Bytes>
struct wmma_right {
  static constexpr int lanes = 32, elements = 8, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) {
    const fragment_place mirrored = wmma_left<Bytes>::at(lane, element);
    return {mirrored.column, mirrored.row};
  }
};
/// Its sums [16, 16].
struct wmma_sums {
  static constexpr int lanes = 32, elements = 8, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 16 * 8 + element, lane % 16}; }
};

static_assert(is_bijection<wmma_left<1>>() && is_bijection<wmma_right<1>>() && is_bijection<wmma_left<2>>() && is_bijection<wmma_right<2>>());
static_assert(is_bijection<wmma_sums>());

/// What words see of them (atoms/amd/matrices.hpp).
struct matrices {
  static constexpr int side = 16, chunks = 1;
  using operand = amd::operand<chunks>;
  template <class Number>
  using sums = std::conditional_t<std::is_integral_v<sum_of<Number>>, amd::integers8, amd::floats8>;
  using place = wmma_sums;
  TENON_BOTH static constexpr int lane_of(int row) { return row; }
  TENON_BOTH static constexpr int row_of(int lane) { return lane; }
};
static_assert(amd::same_order<wmma_left<1>, wmma_right<1>>() && amd::same_order<wmma_left<2>, wmma_right<2>>());
static_assert(amd::places_are_true<matrices, wmma_sums>());

}  // namespace tenon::fragments::gfx1201
