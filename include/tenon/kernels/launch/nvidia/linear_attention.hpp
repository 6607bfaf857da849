#pragma once
// Linear attention on NVIDIA GPUs: the words of sm_80, for the kernels of launch/gpu/linear_attention.hpp.

#include <tenon/kernels/atoms/sm80/linear_attention.hpp>
#include <tenon/kernels/launch/gpu/linear_attention.hpp>

TENON_KERNELS_BEGIN

template <class Leaf, class Problem, beside Beside = beside::totals>
using nvidia_linear_attention = atoms::sm80::linear_attention_words<Leaf, Problem::dim, Beside>;

TENON_KERNELS_END
