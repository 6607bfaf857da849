#pragma once
// Attention on NVIDIA GPUs: the words of sm_80 with their tile. A kernel is three lines of a .cu file:
//
//   __global__ void __launch_bounds__(nvidia_attention<leaf, my_attention>::threads, 1) kernel(const __grid_constant__ attention_arguments<my_attention> a) {
//     attention_kernel<leaf, nvidia_attention<leaf, my_attention>>(a);
//   }
//
// Without the 1 nvcc 13 spills some registers of kernels that fill them.

#include <tenon/kernels/atoms/sm80/attention.hpp>
#include <tenon/kernels/launch/gpu/arch.hpp>
#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/gpu/attention_split.hpp>
#include <tenon/kernels/tuning/sm80.hpp>
#include <tenon/policies/lookup.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
template <class Problem>
consteval tuning::score_weight weight_of_scores() {
  constexpr lookup of_mask = lookup_of<typename Problem::mask>(), of_score = lookup_of<typename Problem::score>(), most = of_mask < of_score ? of_score : of_mask;
  return most == lookup::by_key                   ? tuning::score_weight::looked_up
         : most == lookup::some                   ? tuning::score_weight::listed
         : plain_score<typename Problem::score> ? tuning::score_weight::scaled
                                                  : tuning::score_weight::computed;
}
}  // namespace kernel_detail

/// The tile of a problem.
template <class Problem, class Arch = sm80>
inline constexpr tuning::sm80::attention_tile nvidia_attention_tile = tuning::sm80::attention_of<Problem>(kernel_detail::weight_of_scores<Problem>(), Arch::facts, problem_arrival<Problem>);

/// The words of a problem. `threads`, `shared_bytes` and `block_rows` say how to launch it.
template <class Leaf, class Problem, class Arch = sm80>
using nvidia_attention = atoms::sm80::attention_words<Leaf, Problem::dim, nvidia_attention_tile<Problem, Arch>.warps, nvidia_attention_tile<Problem, Arch>.row_tiles,
                                                      nvidia_attention_tile<Problem, Arch>.keys, problem_number<Problem>, problem_keys<Problem>, problem_kept<Problem>>;

/// The words of few rows over many keys: attention_split_kernel and attention_merge_kernel.
template <class Problem, class Arch = sm80>
inline constexpr tuning::sm80::attention_tile nvidia_split_tile = tuning::sm80::attention_split(nvidia_attention_tile<Problem, Arch>);
template <class Leaf, class Problem, class Arch = sm80>
using nvidia_attention_split = atoms::sm80::attention_words<Leaf, Problem::dim, nvidia_split_tile<Problem, Arch>.warps, nvidia_split_tile<Problem, Arch>.row_tiles,
                                                            nvidia_split_tile<Problem, Arch>.keys, problem_number<Problem>, problem_keys<Problem>, problem_kept<Problem>>;

TENON_KERNELS_END
