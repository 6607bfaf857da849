#pragma once
// Tile sizes on sm_75, with what they cost: a block has 64 KB of shared memory, copies go through registers.

#include <tenon/kernels/tuning/sm80.hpp>

namespace tenon::tuning::sm75 {

inline constexpr int shared_bytes = 64 * 1024;

using sm80::attention_tile, sm80::matmul_tile;

consteval attention_tile attention(int dim) { return {4, dim <= 64 ? 2 : 1, 64}; }
/// Two stages: a third one would hide nothing, since no copy runs beside its thread.
consteval matmul_tile matmul() { return {128, 128, 2}; }

static_assert(sm80::shared_bytes_of(attention(64), 64) <= shared_bytes && sm80::shared_bytes_of(attention(128), 128) <= shared_bytes);
static_assert(matmul().stages * (matmul().tokens + matmul().rows) * 128 <= shared_bytes);

}  // namespace tenon::tuning::sm75
