#pragma once
// Which element of which lane is which element of a matrix, for the matrix instructions of gfx942. Source: AMD Instinct MI300
// instruction set, chapter 7 (matrix arithmetic), and AMD's matrix instruction calculator.

#include <tenon/kernels/shared/fragment.hpp>

namespace tenon::fragments::gfx942 {

/// The left operand of v_mfma_f32_32x32x8_bf16_1k [32, 8].
struct mfma_32_a {
  static constexpr int lanes = 64, elements = 4, rows = 32, columns = 8;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane % 32, lane / 32 * 4 + element}; }
};
/// Its right operand [8 (k), 32 (n)].
struct mfma_32_b {
  static constexpr int lanes = 64, elements = 4, rows = 8, columns = 32;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 32 * 4 + element, lane % 32}; }
};
/// Its sums [32, 32].
struct mfma_32_d {
  static constexpr int lanes = 64, elements = 16, rows = 32, columns = 32;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {element / 4 * 8 + lane / 32 * 4 + element % 4, lane % 32}; }
};

/// The left operand of v_mfma_f32_16x16x16_bf16_1k [16, 16].
struct mfma_16_a {
  static constexpr int lanes = 64, elements = 4, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane % 16, lane / 16 * 4 + element}; }
};
/// Its right operand [16 (k), 16 (n)].
struct mfma_16_b {
  static constexpr int lanes = 64, elements = 4, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 16 * 4 + element, lane % 16}; }
};
/// Its sums [16, 16].
struct mfma_16_d {
  static constexpr int lanes = 64, elements = 4, rows = 16, columns = 16;
  TENON_BOTH static constexpr fragment_place at(int lane, int element) { return {lane / 16 * 4 + element, lane % 16}; }
};

static_assert(is_bijection<mfma_32_a>() && is_bijection<mfma_32_b>() && is_bijection<mfma_32_d>());
static_assert(is_bijection<mfma_16_a>() && is_bijection<mfma_16_b>() && is_bijection<mfma_16_d>());

namespace fragment_checks {

// Sums 4 b to 4 b + 3, rounded, are the right operand of depth 8 b to 8 b + 7: weights go from one product to the next without moving
// between lanes.
consteval bool sums_are_right_operand() {
  for (int lane = 0; lane < 64; ++lane)
    for (int e = 0; e < 16; ++e) {
      const fragment_place d = mfma_32_d::at(lane, e), b = mfma_32_b::at(lane, e % 4);
      if (d.row != b.row + 8 * (e / 4) || d.column != b.column) return false;
    }
  return true;
}
static_assert(sums_are_right_operand());

}  // namespace fragment_checks
}  // namespace tenon::fragments::gfx942
