#pragma once
// Tile sizes on sm_90a, with what they cost: a multiprocessor has 65536 registers and 227 KB of shared memory for blocks. A block computes with
// two groups of 128 threads of up to 240 registers, and brings operands with a third one.

#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/tuning/gpu_facts.hpp>

namespace tenon::tuning::sm90a {

inline constexpr int shared_bytes = 227 * 1024, registers = 65536;
/// Of a block, and of a thread when it starts; groups then hand registers over.
inline constexpr int threads = 384, launched_registers = registers / threads / 8 * 8;

/// Products one after the other, or the scores of the next keys beside the sums of these.
enum class schedule { in_order, overlapped };

/// Keys of a block of attention, and how many blocks of keys and of values shared memory holds.
struct attention_tile {
  int keys, stages;
  schedule order = schedule::overlapped;
};
/// Fewer keys where masks and scores hold addresses, so that these stay in registers.
consteval attention_tile attention(int, score_weight score = score_weight::scaled) { return score == score_weight::looked_up ? attention_tile{64, 4} : attention_tile{128, 2}; }
/// That of a problem: its own `tile`, if it has one: `static constexpr tuning::sm90a::attention_tile tile{128, 2, tuning::sm90a::schedule::in_order};`
template <class Problem>
consteval attention_tile attention_of(score_weight score) {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::tile), const attention_tile>; })
    return Problem::tile;
  else
    return attention(Problem::dim, score);
}

/// q of `rows` rows, the stages of keys and of values, and room for results.
consteval int shared_bytes_of(attention_tile t, int rows, int dim) { return (2 * rows + 2 * t.stages * t.keys) * dim * 2 + 1024; }
static_assert(shared_bytes_of(attention(128), 128, 128) <= shared_bytes);
static_assert(128 * (24 + 2 * 240) <= registers && 128 * (40 + 2 * 232) <= registers && 128 * (88 + 2 * 208) <= registers && 128 * (104 + 2 * 200) <= registers);

/// Of a cache of 8 bits: how many blocks of keys, and as many of values, wait in the rest of shared memory as they are stored. Four of 128 keys are 64 KB or more under way.
consteval int waiting(attention_tile t, int rows, int dim) {
  const int fit = (shared_bytes - shared_bytes_of(t, rows, dim)) / (2 * t.keys * dim);
  return fit < 4 ? fit : 4;
}
static_assert(waiting(attention(128), 128, 128) == 1 && waiting(attention(128), 64, 128) == 2 && waiting(attention(64), 128, 64) == 4 && waiting(attention(128, score_weight::looked_up), 128, 128) == 2);

/// A walk of attention's gradients: 128 keys or rows stay, `across` of the other side go by at a time, of which shared memory holds `stages`.
struct attention_backward_tile {
  int across, stages;
};
/// Of 240 registers the walk that keeps keys has 128 for sums where dim is 128, and 64 for scores of 64 rows: 392 instructions of the main loop, 24 of them
/// products (dim 64: 361 and 16, but 128 rows spill 236 bytes). Sigmoid takes two reciprocals to a score: with dim 128 64 rows spill 72 bytes, 32 none.
consteval attention_backward_tile attention_backward_keys(int dim, bool weights_alone) { return {dim > 64 && weights_alone ? 32 : 64, 2}; }
/// 128 keys take 450 instructions, 24 of them products (dim 64: 426 and 16); 64 keys, half of that work, 278 and 20 (273 and 12).
consteval attention_backward_tile attention_backward_rows(int) { return {128, 2}; }

/// What stays, the stages, room for results, facts.
consteval int shared_bytes_of(attention_backward_tile t, int dim) { return (3 * 128 + 2 * t.stages * t.across) * dim * 2 + t.stages * t.across * 8 + 1024; }
static_assert(shared_bytes_of(attention_backward_keys(128, false), 128) <= shared_bytes && shared_bytes_of(attention_backward_rows(128), 128) <= shared_bytes);

/// Rows of a tile of a product, which has 128 tokens, and how many stages of 64 of its depth shared memory holds.
struct matmul_tile {
  int rows, stages;
};
consteval matmul_tile matmul() { return {256, 4}; }
/// Of numbers of 8 bits, whose sums of a stage and those of all stages lie in registers side by side; a stage is then 128 deep.
consteval matmul_tile matmul_of_8_bits() { return {128, 6}; }
consteval int shared_bytes_of(matmul_tile t) { return t.stages * (128 + t.rows) * 128 + 1024; }
static_assert(shared_bytes_of(matmul()) <= shared_bytes && shared_bytes_of(matmul_of_8_bits()) <= shared_bytes);

/// Stages of 64 of the depth of 128 tokens, where weights are stored as integers: weights take none of that memory.
inline constexpr int stored_stages = 6;
static_assert(stored_stages * 128 * 128 + 1024 <= shared_bytes);

}  // namespace tenon::tuning::sm90a
