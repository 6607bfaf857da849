#pragma once
// Tile sizes on sm_75, with what they cost: a block has 64 KB of shared memory, copies go through registers.

#include <tenon/kernels/tuning/sm80.hpp>

namespace tenon::tuning::sm75 {

inline constexpr int shared_bytes = 64 * 1024;

using sm80::attention_tile, sm80::matmul_tile;

/// As on sm_80, and the keys and values that are on their way: copies go through registers.
constexpr block_cost cost_through_registers(attention_tile t, int dim) { return {32 * t.warps, sm80::registers_of(t, dim) + t.keys * dim / 128, sm80::shared_bytes_of(t, dim)}; }
/// The most keys between two barriers, since each block of keys waits for its own copies, then the most rows for each key that is read, of what can start.
consteval attention_tile attention(int dim) {
  constexpr attention_tile candidates[] = {{4, 2, 64}, {4, 1, 64}, {4, 2, 32}, {4, 1, 32}};
  return first_that_fits(candidates, 1, [=](attention_tile t) { return occupancy_of(facts_sm75, cost_through_registers(t, dim)).blocks; });
}
/// As sm_80's, with as many stages as shared memory holds: a third would hide nothing, since no copy runs beside its thread.
consteval matmul_tile matmul() {
  constexpr matmul_tile candidates[] = {{128, 128, 2}, {128, 64, 2}, {64, 64, 2}};
  return first_that_fits(candidates, 1, [=](matmul_tile t) { return occupancy_of(facts_sm75, sm80::cost_of(t, 128)).blocks; });
}

static_assert(attention(64).row_tiles == 2 && attention(64).keys == 64 && attention(128).row_tiles == 1 && attention(128).keys == 64 && matmul().tokens == 128 && matmul().rows == 128);
static_assert(sm80::shared_bytes_of(attention(64), 64) <= shared_bytes && sm80::shared_bytes_of(attention(128), 128) <= shared_bytes);
static_assert(matmul().stages * (matmul().tokens + matmul().rows) * 128 <= shared_bytes);

}  // namespace tenon::tuning::sm75
