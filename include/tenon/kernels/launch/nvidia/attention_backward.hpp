#pragma once
// The gradients of attention on NVIDIA GPUs: the words of sm_80 with their tiles, for the kernels of launch/gpu/attention_backward.hpp.

#include <tenon/kernels/atoms/sm80/attention_backward.hpp>
#include <tenon/kernels/launch/gpu/attention_backward.hpp>
#include <tenon/kernels/tuning/sm80.hpp>

TENON_KERNELS_BEGIN

/// The tiles of a problem, of the walk that keeps keys and of that which keeps rows: warps, row tiles of each, and rows of the other side at a time.
template <class Problem>
inline constexpr tuning::sm80::attention_backward_tile nvidia_backward_keys_tile = tuning::sm80::attention_backward_keys_of<Problem>();
template <class Problem>
inline constexpr tuning::sm80::attention_backward_tile nvidia_backward_rows_tile = tuning::sm80::attention_backward_rows_of<Problem>();

/// The words that keep keys, and those that keep rows. `threads`, `shared_bytes`, `block_keys` and `tile_rows` say how to launch them.
template <class Leaf, class Problem>
using nvidia_attention_backward_keys = atoms::sm80::attention_backward_words<Leaf, gradients_of::keys, Problem::dim, nvidia_backward_keys_tile<Problem>.warps,
                                                                             nvidia_backward_keys_tile<Problem>.row_tiles, nvidia_backward_keys_tile<Problem>.across, problem_number<Problem>>;
template <class Leaf, class Problem>
using nvidia_attention_backward_rows = atoms::sm80::attention_backward_words<Leaf, gradients_of::rows, Problem::dim, nvidia_backward_rows_tile<Problem>.warps,
                                                                             nvidia_backward_rows_tile<Problem>.row_tiles, nvidia_backward_rows_tile<Problem>.across, problem_number<Problem>>;

TENON_KERNELS_END
