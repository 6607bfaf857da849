#pragma once
// Tile sizes on sm_80, with what they cost: a multiprocessor has 65536 registers, of which a thread may have 255, and 163 KB of
// shared memory for blocks.

#include <tenon/core/config.hpp>

namespace tenon::tuning::sm80 {

inline constexpr int registers = 65536, most_registers = 255, shared_bytes = 163 * 1024;

/// A tile of attention: Warps warps of row_tiles x 16 rows, and `keys` keys at a time.
struct attention_tile {
  int warps, row_tiles, keys;
};

/// The tile for heads of `dim`. Two blocks fit a multiprocessor: one computes while the other waits.
consteval attention_tile attention(int) { return {4, 2, 64}; }
/// The tile for few rows, as decoding has them. One warp may do all of the work; all four copy.
consteval attention_tile attention_split(int) { return {4, 1, 64}; }

/// Registers that a thread needs at least: sums, scores, weights, the state, and fragments in flight.
consteval int registers_of(attention_tile t, int dim) { return t.row_tiles * (dim / 2 + t.keys / 2 + 6) + 16; }
consteval int shared_bytes_of(attention_tile t, int dim) { return (t.warps * t.row_tiles * 16 + 2 * t.keys) * dim * 2; }

static_assert(registers_of(attention(64), 64) <= most_registers && registers_of(attention(128), 128) <= most_registers);
static_assert(2 * shared_bytes_of(attention(128), 128) <= shared_bytes && 2 * attention(128).warps * 32 * 256 <= registers);

/// A walk of attention's gradients: `warps` warps keep row_tiles x 16 rows each, `across` rows of the other side go by at a time.
struct attention_backward_tile {
  int warps, row_tiles, across;
};
/// The walk that keeps keys has twice the sums. Where a mask or a score has operands in memory there is room left for them.
consteval attention_backward_tile attention_backward_keys(int dim) { return {4, 1, dim <= 64 ? 64 : 32}; }
consteval attention_backward_tile attention_backward_rows(int dim) { return {4, 2, dim <= 64 ? 32 : 16}; }

/// Registers that a thread needs at least: `sums` tiles of sums, x and dw, in whose place they are packed.
consteval int registers_of(attention_backward_tile t, int dim, int sums) { return t.row_tiles * (sums * dim / 2 + t.across) + 24; }
consteval int shared_bytes_of(attention_backward_tile t, int dim) { return 2 * (t.warps * t.row_tiles * 16 + 2 * t.across) * dim * 2 + 2 * 8 * t.across; }

static_assert(registers_of(attention_backward_keys(64), 64, 2) <= most_registers && registers_of(attention_backward_keys(128), 128, 2) <= most_registers);
static_assert(registers_of(attention_backward_rows(64), 64, 1) <= most_registers && registers_of(attention_backward_rows(128), 128, 1) <= most_registers);
static_assert(2 * shared_bytes_of(attention_backward_keys(128), 128) <= shared_bytes && shared_bytes_of(attention_backward_rows(128), 128) <= shared_bytes);

/// A tile of a product, and how many stages of 64 of its depth shared memory holds.
struct matmul_tile {
  int tokens, rows, stages;
};
consteval matmul_tile matmul() { return {128, 128, 3}; }

static_assert(matmul().stages * (matmul().tokens + matmul().rows) * 128 <= shared_bytes);

}  // namespace tenon::tuning::sm80
