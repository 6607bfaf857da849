#pragma once
// Tile sizes on AMD's GPUs, chosen from what these have and what a tile costs, by the rule of first_that_fits: one block suffices, since what comes next is on its way to
// registers while what came before is used. A choice is overruled in one line: `static constexpr tuning::amd::attention_tile tile{4, 32};` in the problem.
// Registers are counted, with what clang 19 takes beside them in the kernels of tests/gpu. bench/kernels/gpu_tuning.cpp prints all choices.

#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/tuning/gpu_facts.hpp>

namespace tenon::tuning::amd {

/// Words know a machine by the lanes of its waves, and the chunks that a lane holds of an operand's row (atoms/amd/matrices.hpp): two on RDNA 3.
constexpr gpu_facts facts_of(int lanes, int chunks) { return lanes == 64 ? facts_gfx942 : chunks == 2 ? facts_gfx1100 : facts_gfx1201; }
constexpr int side_of(int lanes) { return lanes == 64 ? 32 : 16; }  ///< rows of a wave's matrix instruction

/// Of a lane, so that two waves of CDNA share a SIMD: one computes where the other waits at a barrier. RDNA has no more.
inline constexpr int most_registers = 256;
constexpr gpu_facts sharing(gpu_facts on) {
  on.most_registers = most_registers;
  return on;
}

/// A tile of attention: waves of `side` rows, and `keys` keys at a time.
struct attention_tile {
  int warps, keys;
};
/// Registers of a lane: sums, scores, q, weights, keys or values in flight; and what stands beside them: 36 on CDNA (the kernel of 128 dims has 198 with 64 keys, 160
/// with 32), 58 where lanes hold q twice (252 and 216), 82 on gfx1201 (244 and 208). Numbers of 8 bits are counted beside what they become: an upper bound, of which clang
/// overlays most (gfx1201, 128 dims, 64 keys: 239).
constexpr int registers_of(attention_tile t, int lanes, int chunks, int dim, arrival how = arrival::copied) {
  const int side = side_of(lanes), of_column = side * side / lanes, beside = lanes == 64 ? 36 : chunks == 2 ? 58 : 82;
  return (dim + t.keys) / side * of_column + dim / 4 * chunks + t.keys / 4 + t.keys * dim / 512 + beside + (how == arrival::widened ? 24 : 0);
}
constexpr int shared_bytes_of(attention_tile t, int dim) { return t.keys * (4 * dim + 16); }
constexpr block_cost cost_of(attention_tile t, int lanes, int chunks, int dim, arrival how = arrival::copied) {
  return {t.warps * lanes, registers_of(t, lanes, chunks, dim, how), shared_bytes_of(t, dim)};
}
/// What a mask or a score may hold of a wave's: registers that a tile leaves (of clang 19's kernels for
/// 128 dims those whose keys are split over blocks take up to 3 more than causal attention, with 64 keys on gfx1100 254 of 256).
inline constexpr int for_policies = 8;

/// The most rows that 256 threads have, then the most keys between two barriers, of what leaves policies their registers.
consteval attention_tile attention(int lanes, int chunks, int dim, arrival how = arrival::copied) {
  const attention_tile candidates[] = {{256 / lanes, 64}, {256 / lanes, 32}};
  return first_that_fits(candidates, 1, [=](attention_tile t) {
    block_cost cost = cost_of(t, lanes, chunks, dim, how);
    cost.registers += for_policies;
    return occupancy_of(sharing(facts_of(lanes, chunks)), cost).blocks;
  });
}
/// That of a problem: its own `tile`, if it has one.
template <class Problem>
consteval attention_tile attention_of(int lanes, int chunks, arrival how = arrival::copied) {
  return own_tile_or<Problem>(attention(lanes, chunks, Problem::dim, how));
}

static_assert(attention(64, 1, 64).keys == 64 && attention(64, 1, 128).keys == 64 && attention(64, 1, 128, arrival::widened).keys == 64 && attention(64, 1, 128).warps == 4);
static_assert(attention(32, 2, 64).keys == 64 && attention(32, 2, 128).keys == 32 && attention(32, 2, 64, arrival::widened).keys == 64 && attention(32, 2, 128, arrival::widened).keys == 32);
static_assert(attention(32, 1, 64).keys == 64 && attention(32, 1, 128).keys == 64 && attention(32, 1, 64, arrival::widened).keys == 64 && attention(32, 1, 128, arrival::widened).keys == 32);

/// Where a walk of attention's gradients keeps what stays.
enum class kept { registers, shared_memory };
/// Waves of `side` keys, or rows, each; of the other side 16 to a thread and dim go by at a time.
struct attention_backward_tile {
  int warps;
  kept where;
};
/// Registers of a lane of the walk that keeps keys, which takes more than that which keeps rows: two tiles of sums, what stays, x and dw, both rounded, what comes, and 48 beside
/// (of 64 dims clang 19 takes 210 on gfx942, 239 on gfx1100, 200 on gfx1201; of 128, where it has 512, 423, accumulators moved among them; from shared memory 247 and 237).
constexpr int registers_of(attention_backward_tile t, int lanes, int chunks, int dim) {
  const int side = side_of(lanes);
  return dim + (t.where == kept::registers ? dim / 2 * chunks : 0) + 2 * side * side / lanes + side / 2 + 20 + 48;
}
constexpr int shared_bytes_of(attention_backward_tile t, int lanes, int dim) {
  const int across = 16 * t.warps * lanes / dim, row = 2 * dim + 16;
  return 2 * across * (row + 2 * dim) + 8 * across + (t.where == kept::registers ? 0 : 2 * t.warps * side_of(lanes) * row);
}
constexpr block_cost cost_of(attention_backward_tile t, int lanes, int chunks, int dim) { return {t.warps * lanes, registers_of(t, lanes, chunks, dim), shared_bytes_of(t, lanes, dim)}; }

/// One for both walks: 256 threads that keep theirs in registers read the least; on CDNA all 512 of a lane may serve, since half of them can be sums alone.
consteval attention_backward_tile attention_backward(int lanes, int chunks, int dim) {
  const attention_backward_tile candidates[] = {{256 / lanes, kept::registers}, {256 / lanes, kept::shared_memory}, {128 / lanes, kept::shared_memory}};
  return first_that_fits(candidates, 1, [=](attention_backward_tile t) { return occupancy_of(facts_of(lanes, chunks), cost_of(t, lanes, chunks, dim)).blocks; });
}
/// That of a problem: its own, if it has one: `static constexpr tuning::amd::attention_backward_tile backward_tile{4, tuning::amd::kept::shared_memory};`
template <class Problem>
consteval attention_backward_tile attention_backward_of(int lanes, int chunks) {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::backward_tile), const attention_backward_tile>; })
    return Problem::backward_tile;
  else
    return attention_backward(lanes, chunks, Problem::dim);
}

static_assert(attention_backward(64, 1, 64).where == kept::registers && attention_backward(64, 1, 128).where == kept::registers && attention_backward(64, 1, 128).warps == 4);
static_assert(attention_backward(32, 2, 64).where == kept::registers && attention_backward(32, 1, 64).where == kept::registers && attention_backward(32, 1, 64).warps == 8);
static_assert(attention_backward(32, 2, 128).where == kept::shared_memory && attention_backward(32, 1, 128).where == kept::shared_memory && attention_backward(32, 1, 128).warps == 4);

/// A tile of a product: `tokens` x `rows` of out, `stage_bytes` of a row of its operands at a time.
struct matmul_tile {
  int tokens, rows, stage_bytes;
};
/// Registers that a thread needs at least: sums, of 8 bits those of 128 of the depth and of all of it side by side, operands of a step, what is on its way to shared memory, addresses.
constexpr block_cost cost_of(matmul_tile t, int number_bytes = 2) {
  return {256, t.tokens * t.rows / 256 * (number_bytes == 1 ? 2 : 1) + 16 + (t.tokens + t.rows) * t.stage_bytes / 1024 + 24, (t.tokens + t.rows) * (t.stage_bytes + 16)};
}

/// The largest tile, since it reads the least (beyond 128 x 128 there are soon too few of them for hundreds of compute units), then the most of the depth between two barriers.
consteval matmul_tile matmul(gpu_facts on = facts_gfx942) {
  constexpr matmul_tile candidates[] = {{128, 128, 256}, {128, 128, 128}, {128, 64, 128}, {64, 64, 128}};
  return first_that_fits(candidates, 1, [=](matmul_tile t) { return occupancy_of(sharing(on), cost_of(t)).blocks; });
}
/// Of numbers of 8 bits: 128 rows of each matrix, so that it knows what shares a scale in results of 8 bits, and as many tokens as there are registers for.
consteval matmul_tile matmul_of_8_bits(int matrices, gpu_facts on = facts_gfx942) {
  const matmul_tile candidates[] = {{128, 128 * matrices, 128}, {64, 128 * matrices, 128}, {32, 128 * matrices, 128}};
  return first_that_fits(candidates, 1, [=](matmul_tile t) { return occupancy_of(sharing(on), cost_of(t, 1)).blocks; });
}

// One tile serves them all.
static_assert(matmul().tokens == 128 && matmul().rows == 128 && matmul().stage_bytes == 128 && matmul(facts_gfx1100).tokens == 128 && matmul(facts_gfx1201).stage_bytes == 128);
static_assert(matmul_of_8_bits(1).tokens == 128 && matmul_of_8_bits(2).tokens == 64 && matmul_of_8_bits(2).rows == 256 && matmul_of_8_bits(2, facts_gfx1100).tokens == 64);

}  // namespace tenon::tuning::amd
