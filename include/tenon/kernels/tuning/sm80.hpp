#pragma once
// Tile sizes of the words of sm_80, which serve every later NVIDIA GPU, chosen from what a GPU has and what a tile costs. A choice is
// overruled in one line: `static constexpr tuning::sm80::attention_tile tile{4, 1, 64};` in the problem. bench/kernels/gpu_tuning.cpp prints them all.

#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/tuning/gpu_facts.hpp>

namespace tenon::tuning::sm80 {

inline constexpr int registers = 65536, most_registers = facts_sm80.most_registers, shared_bytes = facts_sm80.shared_limit;

/// A tile of attention: Warps warps of row_tiles x 16 rows, and `keys` keys at a time.
struct attention_tile {
  int warps, row_tiles, keys;
};

/// Registers that a thread needs at least: sums, scores, weights, the state, and fragments in flight; and what a score holds, or 16 numbers that are widened
/// beside all of it: with fewer ptxas spills some for sm_90a.
constexpr int registers_of(attention_tile t, int dim, score_weight score = score_weight::scaled, arrival how = arrival::copied) {
  const int of_score = score == score_weight::looked_up ? 2 * t.keys + 16 : score == score_weight::listed ? 48 : score == score_weight::computed ? 24 : 0;
  return t.row_tiles * (dim / 2 + t.keys / 2 + 6) + 16 + of_score + (how == arrival::widened ? 40 : 0);
}
constexpr int shared_bytes_of(attention_tile t, int dim, arrival how = arrival::copied) {
  return (t.warps * t.row_tiles * 16 + 2 * t.keys) * dim * 2 + (how == arrival::widened ? t.keys * dim : 0);
}
constexpr block_cost cost_of(attention_tile t, int dim, score_weight score = score_weight::scaled, arrival how = arrival::copied) {
  return {32 * t.warps, registers_of(t, dim, score, how), shared_bytes_of(t, dim, how)};
}

/// The tile for heads of `dim`: the most rows for each key that is read, then the most keys between two barriers, of what lets two blocks run at
/// once: one computes while the other waits. One block where two do not fit.
consteval attention_tile attention(int dim, score_weight score = score_weight::scaled, gpu_facts on = facts_sm80, arrival how = arrival::copied) {
  constexpr attention_tile candidates[] = {{4, 2, 64}, {4, 2, 32}, {4, 1, 64}, {4, 1, 32}};
  return first_that_fits(candidates, 2, [=](attention_tile t) { return occupancy_of(on, cost_of(t, dim, score, how)).blocks; });
}
/// The tile for few rows, as decoding has them, with as many keys at a time as that of many, which makes the bits those of the same. One warp may
/// do all of the work; all four copy.
consteval attention_tile attention_split(attention_tile many) { return {4, 1, many.keys}; }
/// That of a problem: its own `tile`, if it has one.
template <class Problem>
consteval attention_tile attention_of(score_weight score, gpu_facts on = facts_sm80, arrival how = arrival::copied) {
  return own_tile_or<Problem>(attention(Problem::dim, score, on, how));
}

static_assert(attention(64, score_weight::looked_up).keys == 32 && attention(128, score_weight::listed).row_tiles == 2 && attention(128, score_weight::looked_up).row_tiles == 1);
static_assert(attention(64).row_tiles == 2 && attention(128).row_tiles == 2 && attention(128).keys == 64);
static_assert(attention(128, score_weight::computed).row_tiles == 2 && attention(256).row_tiles == 1 && attention(128, score_weight::scaled, facts_sm86).keys == 32);
static_assert(occupancy_of(facts_sm80, cost_of(attention(128), 128)).blocks == 2 && occupancy_of(facts_sm89, cost_of(attention(128, score_weight::scaled, facts_sm89), 128)).blocks == 2);

static_assert(attention(128, score_weight::scaled, facts_sm80, arrival::widened).row_tiles == 2 && attention(64, score_weight::scaled, facts_sm80, arrival::widened).keys == 64);

/// A walk of attention's gradients: `warps` warps keep row_tiles x 16 rows each, `across` rows of the other side go by at a time.
struct attention_backward_tile {
  int warps, row_tiles, across;
};
/// Registers that a thread needs: `sums` tiles of sums, x and dw, in whose place they are packed; fragments, addresses and what masks and scores hold
/// (nvcc 13 gives the walks of causal attention 207 to 242, which this says within 4).
constexpr int registers_of(attention_backward_tile t, int dim, int sums) { return t.row_tiles * (sums * dim / 2 + t.across) + 80; }
constexpr int shared_bytes_of(attention_backward_tile t, int dim) { return 2 * (t.warps * t.row_tiles * 16 + 2 * t.across) * dim * 2 + 2 * 8 * t.across; }

constexpr block_cost cost_of(attention_backward_tile t, int dim, int sums) { return {32 * t.warps, registers_of(t, dim, sums), shared_bytes_of(t, dim)}; }

/// The walk that keeps keys has two tiles of sums, that which keeps rows one and so twice the rows: the most that goes by at a time of what lets two blocks
/// run at once; of what lets one, where two do not fit.
consteval attention_backward_tile attention_backward(int dim, int sums, gpu_facts on = facts_sm80) {
  const int row_tiles = sums == 2 ? 1 : 2;
  const attention_backward_tile candidates[] = {{4, row_tiles, 64}, {4, row_tiles, 32}, {4, row_tiles, 16}};
  return first_that_fits(candidates, 2, [=](attention_backward_tile t) { return occupancy_of(on, cost_of(t, dim, sums)).blocks; });
}
/// Those of a problem: its own, if it has them: `static constexpr tuning::sm80::attention_backward_tile keys_tile{4, 1, 32}, rows_tile{4, 1, 32};`
template <class Problem>
consteval attention_backward_tile attention_backward_keys_of() {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::keys_tile), const attention_backward_tile>; })
    return Problem::keys_tile;
  else
    return attention_backward(Problem::dim, 2);
}
template <class Problem>
consteval attention_backward_tile attention_backward_rows_of() {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::rows_tile), const attention_backward_tile>; })
    return Problem::rows_tile;
  else
    return attention_backward(Problem::dim, 1);
}

static_assert(attention_backward(64, 2).across == 64 && attention_backward(128, 2).across == 32 && attention_backward(64, 1).across == 32 && attention_backward(128, 1).across == 16);

/// A tile of a product, and how many stages of 64 of its depth shared memory holds.
struct matmul_tile {
  int tokens, rows, stages;
};
/// Registers that a thread of four warps needs at least: sums, fragments of two steps, addresses.
constexpr int registers_of(matmul_tile t) { return t.tokens * t.rows / 128 + (t.tokens + t.rows) / 4 + 24; }
/// `weight_bytes`: of 64 of the depth of a row, as it is stored: 128 of bf16, 36 of q4_0. Results leave through the same memory.
constexpr int shared_bytes_of(matmul_tile t, int weight_bytes) {
  const int stages = t.stages * (t.tokens * 128 + t.rows * weight_bytes), results = t.tokens * t.rows * 4;
  return stages > results ? stages : results;
}
constexpr block_cost cost_of(matmul_tile t, int weight_bytes) { return {128, registers_of(t), shared_bytes_of(t, weight_bytes)}; }

/// The largest tile, since it reads the least; then three stages or four, if two blocks then fit, else the most that one block can have.
consteval matmul_tile matmul(int weight_bytes = 128, gpu_facts on = facts_sm80) {
  constexpr matmul_tile sizes[] = {{128, 128, 0}, {128, 64, 0}, {64, 64, 0}};
  for (const matmul_tile& size : sizes) {
    for (int stages = 4; stages >= 3; --stages)
      if (occupancy_of(on, cost_of(matmul_tile{size.tokens, size.rows, stages}, weight_bytes)).blocks >= 2) return {size.tokens, size.rows, stages};
    for (int stages = 3; stages >= 2; --stages)
      if (occupancy_of(on, cost_of(matmul_tile{size.tokens, size.rows, stages}, weight_bytes)).blocks >= 1) return {size.tokens, size.rows, stages};
  }
  return {64, 64, 2};
}

/// Registers of a product of numbers of 8 bits: sums of 128 of the depth and of all of it lie side by side.
constexpr int registers_of_8_bits(matmul_tile t) { return registers_of(t) + t.tokens * t.rows / 128; }
/// Its tile has 128 rows of each matrix, so that it knows what shares a scale in results of 8 bits, and as many tokens as there are registers for.
consteval matmul_tile matmul_of_8_bits(gpu_facts on = facts_sm80, int matrices = 1) {
  matmul_tile t{128, 128 * matrices, 4};
  while (registers_of_8_bits(t) > most_registers) t.tokens /= 2;
  while (t.stages > 2 && occupancy_of(on, {128, registers_of_8_bits(t), shared_bytes_of(t, 128)}).blocks < 2) --t.stages;
  return t;
}
static_assert(matmul_of_8_bits().tokens == 64 && matmul_of_8_bits().stages == 3 && matmul_of_8_bits(facts_sm89).stages == 2 && matmul_of_8_bits(facts_sm89, 2).tokens == 32);

static_assert(matmul().tokens == 128 && matmul().rows == 128 && matmul().stages == 3 && matmul(36).stages == 3);
static_assert(occupancy_of(facts_sm80, cost_of(matmul(68), 68)).blocks == 2 && occupancy_of(facts_sm80, cost_of(matmul(), 128)).blocks == 1);

}  // namespace tenon::tuning::sm80
