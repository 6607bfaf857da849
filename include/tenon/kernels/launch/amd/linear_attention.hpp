#pragma once
// Linear attention on AMD GPUs: their words, for the kernels of launch/gpu/linear_attention.hpp.

#include <tenon/kernels/atoms/amd/linear_attention.hpp>
#include <tenon/kernels/launch/gpu/linear_attention.hpp>

TENON_KERNELS_BEGIN

template <class Leaf, class Problem, beside Beside = beside::totals>
using amd_linear_attention = atoms::amd::linear_attention_words<Leaf, Problem::dim, Beside>;

TENON_KERNELS_END
