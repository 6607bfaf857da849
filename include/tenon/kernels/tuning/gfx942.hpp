#pragma once
// Tile sizes on gfx942, with what they cost: a SIMD has 512 registers for each lane of its waves, a compute unit 64 KB of shared memory.

#include <tenon/core/config.hpp>

namespace tenon::tuning::gfx942 {

inline constexpr int most_registers = 512, shared_bytes = 64 * 1024;

/// A tile of attention: `warps` waves of 32 rows, and `keys` keys at a time.
struct attention_tile {
  int warps, keys;
};
consteval attention_tile attention(int) { return {4, 64}; }

/// Registers that a lane needs at least: sums, scores, q, weights, keys or values in flight.
consteval int registers_of(attention_tile t, int dim) { return dim / 2 + t.keys / 2 + dim / 4 + t.keys / 4 + t.keys * dim / 2 / (t.warps * 64); }
consteval int shared_bytes_of(attention_tile t, int dim) { return t.keys * (2 * dim + 16) + t.keys / 4 * (8 * dim + 16); }

static_assert(2 * registers_of(attention(128), 128) <= most_registers);   // two waves to a SIMD
static_assert(shared_bytes_of(attention(128), 128) <= shared_bytes);

/// A tile of a product: `tokens` x `rows` of out, `depth` of its depth at a time.
struct matmul_tile {
  int tokens, rows, depth;
};
consteval matmul_tile matmul() { return {128, 128, 64}; }

static_assert((matmul().tokens + matmul().rows) * (matmul().depth * 2 + 16) <= shared_bytes);

}  // namespace tenon::tuning::gfx942
