#pragma once
// Tile sizes on AMD's GPUs, with what they cost. CDNA: a SIMD has 512 registers for each lane of its waves, a compute unit 64 KB of shared
// memory. RDNA: a wave of 32 lanes may have 256 registers of each, a block 64 KB.

#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/tuning/gpu_facts.hpp>

namespace tenon::tuning::amd {

inline constexpr int most_registers = 256, shared_bytes = 64 * 1024;  // so that two waves of CDNA share a SIMD

/// A tile of attention: waves of `side` rows (32 on CDNA, 16 on RDNA), and `keys` keys at a time. `chunks` as in atoms/amd/matrices.hpp: where
/// lanes hold q twice, fewer scores leave room for it; and on RDNA for what is widened.
struct attention_tile {
  int warps, keys;
};
consteval attention_tile attention(int lanes, int chunks, int dim, arrival how = arrival::copied) {
  const bool narrow = chunks == 2 || (lanes == 32 && how == arrival::widened);
  return {256 / lanes, narrow && dim > 64 ? 32 : 64};
}
/// That of a problem: its own `tile`, if it has one: `static constexpr tuning::amd::attention_tile tile{4, 32};`
template <class Problem>
consteval attention_tile attention_of(int lanes, int chunks, arrival how = arrival::copied) {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::tile), const attention_tile>; })
    return Problem::tile;
  else
    return attention(lanes, chunks, Problem::dim, how);
}

/// Registers that a lane needs at least: sums, scores, q, weights, keys or values in flight.
consteval int registers_of(attention_tile t, int dim, int side, int chunks) {
  const int per_column = side / 2;  // sums of a lane in a tile
  return dim / side * per_column + t.keys / side * per_column + dim / 4 * chunks + t.keys / 4 + t.keys * dim / 512;
}
consteval int shared_bytes_of(attention_tile t, int dim) { return t.keys * (4 * dim + 16); }
consteval block_cost cost_of(attention_tile t, int lanes, int dim, int side, int chunks) { return {t.warps * lanes, registers_of(t, dim, side, chunks), shared_bytes_of(t, dim)}; }

static_assert(registers_of(attention(64, 1, 128), 128, 32, 1) <= most_registers && registers_of(attention(32, 2, 128), 128, 16, 2) <= most_registers);
static_assert(shared_bytes_of(attention(32, 1, 128), 128) <= shared_bytes);

/// A tile of a product: `tokens` x `rows` of out, `stage_bytes` of a row of its operands at a time.
struct matmul_tile {
  int tokens, rows, stage_bytes;
};
consteval matmul_tile matmul() { return {128, 128, 128}; }
/// Of numbers of 8 bits: 128 rows of each matrix, so that it knows what shares a scale in results of 8 bits.
consteval matmul_tile matmul_of_8_bits(int matrices) { return {128 / matrices, 128 * matrices, 128}; }

/// Registers that a thread needs at least: sums, operands of a step, what is on its way to shared memory, addresses.
consteval block_cost cost_of(matmul_tile t) { return {256, t.tokens * t.rows / 256 + 16 + 2 * t.tokens * t.stage_bytes / 256 / 4 + 24, (t.tokens + t.rows) * (t.stage_bytes + 16)}; }

static_assert(occupancy_of(facts_gfx90a, cost_of(attention(64, 1, 128), 64, 128, 32, 1)).blocks >= 1 && occupancy_of(facts_gfx942, cost_of(matmul())).blocks >= 1);
static_assert(occupancy_of(facts_gfx1100, cost_of(attention(32, 2, 128), 32, 128, 16, 2)).blocks >= 1 && occupancy_of(facts_gfx1201, cost_of(matmul())).blocks >= 1);

}  // namespace tenon::tuning::amd
