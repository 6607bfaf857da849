#pragma once
// The gradients of attention on AMD GPUs: their words with their tiles, for the kernels of launch/gpu/attention_backward.hpp.

#include <tenon/kernels/atoms/amd/attention_backward.hpp>
#include <tenon/kernels/launch/gpu/attention_backward.hpp>
#include <tenon/kernels/tuning/amd.hpp>

TENON_KERNELS_BEGIN

template <class Leaf, class Problem>
inline constexpr tuning::amd::attention_backward_tile amd_backward_tile = tuning::amd::attention_backward_of<Problem>(Leaf::lanes, Leaf::chunks);
/// The words that keep keys, or rows. `threads`, `shared_bytes`, `block_keys` and `tile_rows` say how to launch them.
template <class Leaf, class Problem, gradients_of Kept>
using amd_attention_backward = atoms::amd::attention_backward_words<Leaf, Kept, Problem::dim, amd_backward_tile<Leaf, Problem>.warps,
                                                                    amd_backward_tile<Leaf, Problem>.where == tuning::amd::kept::registers ? atoms::amd::kept_in::registers : atoms::amd::kept_in::shared_memory,
                                                                    problem_number<Problem>>;
template <class Leaf, class Problem>
using amd_attention_backward_keys = amd_attention_backward<Leaf, Problem, gradients_of::keys>;
template <class Leaf, class Problem>
using amd_attention_backward_rows = amd_attention_backward<Leaf, Problem, gradients_of::rows>;

TENON_KERNELS_END
