#pragma once
// Which element of which lane is which element of a matrix, for the matrix instructions of CDNA: gfx90a and gfx942. Source: AMD Instinct
// MI200 and MI300 instruction sets, chapter 7 (matrix arithmetic), and AMD's matrix instruction calculator.

#include <tenon/kernels/atoms/amd/matrices.hpp>

namespace tenon::fragments::gfx90a {

/// The left operand of v_mfma_*_32x32x(2 PerLane) [32, 2 PerLane]: PerLane is 4 (bf16, f16; int8 on gfx90a) or 8 (int8, fp8 on gfx942).
template <int PerLane>
struct mfma_left {
  static constexpr int lanes = 64, elements = PerLane, rows = 32, columns = 2 * PerLane;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane % 32, lane / 32 * PerLane + element}; }
};
/// Its right operand [2 PerLane, 32].
template <int PerLane>
struct mfma_right {
  static constexpr int lanes = 64, elements = PerLane, rows = 2 * PerLane, columns = 32;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 32 * PerLane + element, lane % 32}; }
};
/// Its sums [32, 32].
struct mfma_sums {
  static constexpr int lanes = 64, elements = 16, rows = 32, columns = 32;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {element / 4 * 8 + lane / 32 * 4 + element % 4, lane % 32}; }
};

static_assert(is_bijection<mfma_left<4>>() && is_bijection<mfma_right<4>>() && is_bijection<mfma_sums>());
static_assert(is_bijection<mfma_left<8>>() && is_bijection<mfma_right<8>>());

/// What words see of them (atoms/amd/matrices.hpp).
struct matrices {
  static constexpr int side = 32, chunks = 1;
  using operand = amd::operand<chunks>;
  template <class Number>
  using sums = std::conditional_t<std::is_integral_v<sum_of<Number>>, amd::integers16, amd::floats16>;
  using place = mfma_sums;
  TENON_BOTH static constexpr int lane_of(int row) { return row; }
  TENON_BOTH static constexpr int row_of(int lane) { return lane; }
};
static_assert(amd::same_order<mfma_left<4>, mfma_right<4>>() && amd::same_order<mfma_left<8>, mfma_right<8>>());
static_assert(amd::places_are_true<matrices, mfma_sums>());

}  // namespace tenon::fragments::gfx90a
