#pragma once
// Tile sizes on sm_90a, chosen from what it has and what a tile costs, by the rule of first_that_fits: one block suffices, since it computes with two groups of 128 threads and
// brings operands with a third one. Its 384 threads start with 168 registers each, which leaves room for no second block; groups then hand them over, up to 240 to those that
// compute: these, and stages in shared memory, bound a tile. A choice is overruled in one line in the problem. bench/kernels/gpu_tuning.cpp prints them all.

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
/// Registers of a thread that computes: sums, scores, the weights of others beside them where products overlap, the state and addresses; and what a score holds, by key an address
/// for each column of the lane, and a number for each score.
constexpr int registers_of(attention_tile t, int dim, score_weight score = score_weight::scaled) {
  const int of_score = score == score_weight::looked_up ? t.keys : score == score_weight::scaled ? 0 : 16;
  return dim / 2 + t.keys / 2 + (t.order == schedule::overlapped ? t.keys / 4 : 0) + 24 + of_score;
}
/// What it may have: with blocks of 64 keys threads that bring keep more, for they look for the next one in memory (the least of atoms/sm90a/mapped_rows.hpp and kept_rows.hpp).
constexpr int registers_for(attention_tile t) { return t.keys == 64 ? 200 : 232; }
/// q of `rows` rows, the stages of keys and of values, and room for results.
constexpr int shared_bytes_of(attention_tile t, int rows, int dim) { return (2 * rows + 2 * t.stages * t.keys) * dim * 2 + 1024; }
constexpr block_cost launched(int shared) { return {threads, launched_registers, shared}; }

/// 256 keys lie in shared memory, half of them or three quarters under way: the most between two barriers, then the scores of the next beside the sums of these.
consteval attention_tile attention(int dim, score_weight score = score_weight::scaled) {
  constexpr attention_tile candidates[] = {{128, 2, schedule::overlapped}, {128, 2, schedule::in_order}, {64, 4, schedule::overlapped}, {64, 4, schedule::in_order}};
  return first_that_fits(candidates, 1, [=](attention_tile t) {
    return registers_of(t, dim, score) > registers_for(t) ? 0 : occupancy_of(facts_sm90a, launched(shared_bytes_of(t, 128, dim))).blocks;
  });
}
/// That of a problem: its own `tile`, if it has one: `static constexpr tuning::sm90a::attention_tile tile{128, 2, tuning::sm90a::schedule::in_order};`
template <class Problem>
consteval attention_tile attention_of(score_weight score) {
  return own_tile_or<Problem>(attention(Problem::dim, score));
}

constexpr bool is(attention_tile t, int keys, int stages) { return t.keys == keys && t.stages == stages && t.order == schedule::overlapped; }
static_assert(is(attention(64), 128, 2) && is(attention(128), 128, 2) && is(attention(64, score_weight::computed), 128, 2) && is(attention(128, score_weight::computed), 128, 2));
static_assert(is(attention(64, score_weight::listed), 128, 2) && is(attention(128, score_weight::listed), 128, 2) && is(attention(64, score_weight::looked_up), 64, 4) && is(attention(128, score_weight::looked_up), 64, 4));
static_assert(128 * (24 + 2 * 240) <= registers && 128 * (40 + 2 * 232) <= registers && 128 * (88 + 2 * 208) <= registers && 128 * (104 + 2 * 200) <= registers);

/// Of a cache of 8 bits: how many blocks of keys, and as many of values, wait in the rest of shared memory as they are stored. Four of 128 keys are 64 KB or more under way.
constexpr int waiting(attention_tile t, int rows, int dim) {
  const int fit = (shared_bytes - shared_bytes_of(t, rows, dim)) / (2 * t.keys * dim);
  return fit < 4 ? fit : 4;
}
static_assert(waiting(attention(128), 128, 128) == 1 && waiting(attention(128), 64, 128) == 2 && waiting(attention(64), 128, 64) == 4 && waiting(attention(128, score_weight::looked_up), 128, 128) == 2);

/// A walk of attention's gradients: 128 keys or rows stay, `across` of the other side go by at a time, of which shared memory holds `stages`.
struct attention_backward_tile {
  int across, stages;
};
/// Registers of a thread that computes, of which it may have 240: `sums` tiles of sums (two where keys stay), x and dw, one of them or both rounded for the sums, addresses. Where keys
/// stay the weights must outlive the slopes: sigmoid, whose weights stand alone, takes two reciprocals to a score beside them (with dim 128 64 rows spill 72 bytes, 32 none).
constexpr int registers_of(attention_backward_tile t, int dim, int sums, bool weights_alone = false) {
  return sums * dim / 2 + t.across + sums * t.across / 4 + 16 + (sums == 2 && weights_alone ? 24 : 0);
}
/// What stays, the stages, room for results, facts.
constexpr int shared_bytes_of(attention_backward_tile t, int dim) { return (3 * 128 + 2 * t.stages * t.across) * dim * 2 + t.stages * t.across * 8 + 1024; }
consteval attention_backward_tile attention_backward(int dim, int sums, bool weights_alone) {
  constexpr attention_backward_tile candidates[] = {{128, 2}, {64, 2}, {32, 2}};
  return first_that_fits(candidates, 1, [=](attention_backward_tile t) {
    return registers_of(t, dim, sums, weights_alone) > 240 ? 0 : occupancy_of(facts_sm90a, launched(shared_bytes_of(t, dim))).blocks;
  });
}
/// The most rows between two barriers: of dim 128 64 take 392 instructions of the main loop, 24 of them products (dim 64: 361 and 16; 128 rows spill 236 bytes).
consteval attention_backward_tile attention_backward_keys(int dim, bool weights_alone) { return attention_backward(dim, 2, weights_alone); }
/// 128 keys take 450 instructions, 24 of them products (dim 64: 426 and 16); 64 keys, half of that work, 278 and 20 (273 and 12).
consteval attention_backward_tile attention_backward_rows(int dim) { return attention_backward(dim, 1, false); }
/// Those of a problem: its own, if it has them: `static constexpr tuning::sm90a::attention_backward_tile keys_tile{32, 2}, rows_tile{64, 2};`
template <class Problem>
consteval attention_backward_tile attention_backward_keys_of() {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::keys_tile), const attention_backward_tile>; })
    return Problem::keys_tile;
  else
    return attention_backward_keys(Problem::dim, requires(const typename Problem::weighting& w) { w.bias; });
}
template <class Problem>
consteval attention_backward_tile attention_backward_rows_of() {
  if constexpr (requires { requires std::is_same_v<decltype(Problem::rows_tile), const attention_backward_tile>; })
    return Problem::rows_tile;
  else
    return attention_backward_rows(Problem::dim);
}
static_assert(attention_backward_keys(64, false).across == 64 && attention_backward_keys(128, false).across == 64 && attention_backward_keys(64, true).across == 64 && attention_backward_keys(128, true).across == 32);
static_assert(attention_backward_rows(64).across == 128 && attention_backward_rows(128).across == 128 && attention_backward_rows(128).stages == 2);

/// Rows of a tile of a product, which has 128 tokens, and how many stages of 64 of its depth shared memory holds.
struct matmul_tile {
  int rows, stages;
};
/// Of numbers of 8 bits the sums of a stage and those of all stages lie in registers side by side; a stage is then 128 deep.
constexpr int registers_of(matmul_tile t, int number_bytes = 2) { return t.rows / 2 * (number_bytes == 1 ? 2 : 1) + 40; }
constexpr int shared_bytes_of(matmul_tile t) { return t.stages * (128 + t.rows) * 128 + 1024; }
/// The largest tile, since it reads the least, and the stages that a share of 196 KB holds: of 256 KB it leaves 60 to the cache, where scales, biases and what results are added
/// to are read. Shares: CUDA C++ Programming Guide 13.0, 'Compute Capability 9.0', 'Shared Memory'.
consteval matmul_tile matmul(int number_bytes = 2) {
  constexpr matmul_tile candidates[] = {{256, 5}, {256, 4}, {256, 3}, {128, 7}, {128, 6}, {128, 5}, {128, 4}};
  gpu_facts on = facts_sm90a;
  on.shared_limit = 196 * kib - on.shared_reserved;
  return first_that_fits(candidates, 1, [=](matmul_tile t) { return registers_of(t, number_bytes) > 240 ? 0 : occupancy_of(on, launched(shared_bytes_of(t))).blocks; });
}
consteval matmul_tile matmul_of_8_bits() { return matmul(1); }
static_assert(matmul().rows == 256 && matmul().stages == 4 && matmul_of_8_bits().rows == 128 && matmul_of_8_bits().stages == 6);

/// Stages of 64 of the depth of 128 tokens, where weights are stored as integers: weights take none of that memory.
inline constexpr int stored_stages = 6;
static_assert(stored_stages * 128 * 128 + 1024 <= shared_bytes);

}  // namespace tenon::tuning::sm90a
