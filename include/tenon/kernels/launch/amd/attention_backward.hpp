#pragma once
// The gradients of attention on AMD GPUs: their words with their tiles, for the kernels of launch/gpu/attention_backward.hpp.

#include <tenon/kernels/atoms/amd/attention_backward.hpp>
#include <tenon/kernels/launch/gpu/attention_backward.hpp>

TENON_KERNELS_BEGIN

/// The words that keep keys, and those that keep rows: four waves of CDNA. `threads`, `shared_bytes`, `block_keys` and `tile_rows` say how to
/// launch them.
template <class Leaf, class Problem>
using amd_attention_backward_keys = atoms::amd::attention_backward_words<Leaf, gradients_of::keys, Problem::dim, 256 / Leaf::lanes, problem_number<Problem>>;
template <class Leaf, class Problem>
using amd_attention_backward_rows = atoms::amd::attention_backward_words<Leaf, gradients_of::rows, Problem::dim, 256 / Leaf::lanes, problem_number<Problem>>;

TENON_KERNELS_END
