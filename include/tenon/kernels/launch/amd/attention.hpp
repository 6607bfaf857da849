#pragma once
// Attention on AMD GPUs: their words with their tile. A kernel is three lines of a .hip file:
//
//   __attribute__((global, amdgpu_flat_work_group_size(1, 256))) void kernel(attention_arguments<my_attention> a) {
//     attention_kernel<leaf, amd_attention<leaf, my_attention>>(a);
//   }
//
// `leaf` is the one of the machine that is compiled for: atoms::gfx90a::leaf, gfx942, gfx1100 or gfx1201.

#include <tenon/kernels/atoms/amd/attention.hpp>
#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/gpu/attention_split.hpp>
#include <tenon/kernels/tuning/amd.hpp>

TENON_KERNELS_BEGIN

template <class Leaf, class Problem>
inline constexpr tuning::amd::attention_tile amd_attention_tile = tuning::amd::attention_of<Problem>(Leaf::lanes, Leaf::chunks, problem_arrival<Problem>);

/// The words of a problem, also of few rows over many keys (launch/gpu/attention_split.hpp). `threads`, `shared_bytes` and `block_rows` say how to launch it.
template <class Leaf, class Problem>
using amd_attention = atoms::amd::attention_words<Leaf, Problem::dim, amd_attention_tile<Leaf, Problem>.warps, amd_attention_tile<Leaf, Problem>.keys, problem_number<Problem>, problem_keys<Problem>, problem_kept<Problem>>;

TENON_KERNELS_END
