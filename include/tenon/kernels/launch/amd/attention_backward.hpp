#pragma once
// The gradients of attention on AMD GPUs: their words with their tiles, for the kernels of launch/gpu/attention_backward.hpp.

#include <tenon/kernels/atoms/amd/attention_backward.hpp>
#include <tenon/kernels/launch/gpu/attention_backward.hpp>

TENON_KERNELS_BEGIN

/// A lane of RDNA has 256 registers: too few for the sums of 128 dims and for what stays.
template <class Leaf, class Problem>
inline constexpr auto amd_kept_in = Leaf::lanes == 32 && Problem::dim > 64 ? atoms::amd::kept_in::shared_memory : atoms::amd::kept_in::registers;
/// The words that keep keys, or rows: 256 threads, or half as many where shared memory has what stays. `threads`, `shared_bytes`, `block_keys` and
/// `tile_rows` say how to launch them.
template <class Leaf, class Problem, gradients_of Kept>
using amd_attention_backward = atoms::amd::attention_backward_words<Leaf, Kept, Problem::dim, (amd_kept_in<Leaf, Problem> == atoms::amd::kept_in::registers ? 256 : 128) / Leaf::lanes,
                                                                    amd_kept_in<Leaf, Problem>, problem_number<Problem>>;
template <class Leaf, class Problem>
using amd_attention_backward_keys = amd_attention_backward<Leaf, Problem, gradients_of::keys>;
template <class Leaf, class Problem>
using amd_attention_backward_rows = amd_attention_backward<Leaf, Problem, gradients_of::rows>;

TENON_KERNELS_END
