#pragma once
// Attention on AMD GPUs: the words of gfx942 with their tile. A kernel is three lines of a .hip file:
//
//   __attribute__((global, amdgpu_flat_work_group_size(1, 256))) void kernel(attention_arguments<my_attention> a) {
//     attention_kernel<leaf, amd_attention<leaf, my_attention>>(a);
//   }

#include <tenon/kernels/atoms/gfx942/attention.hpp>
#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/gpu/attention_split.hpp>
#include <tenon/kernels/tuning/gfx942.hpp>

TENON_KERNELS_BEGIN

/// The words of a problem, also of few rows over many keys (launch/gpu/attention_split.hpp). `threads`, `shared_bytes` and `block_rows` say how to launch it.
template <class Leaf, class Problem>
using amd_attention = atoms::gfx942::attention_words<Leaf, Problem::dim, tuning::gfx942::attention(Problem::dim).warps, tuning::gfx942::attention(Problem::dim).keys>;

TENON_KERNELS_END
