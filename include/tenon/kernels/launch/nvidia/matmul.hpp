#pragma once
// Products on NVIDIA GPUs: the words of sm_80 with their tile. A kernel is three lines of a .cu file, as in launch/nvidia/attention.hpp.

#include <tenon/kernels/atoms/sm80/matmul.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/tuning/sm80.hpp>

TENON_KERNELS_BEGIN

/// The words of a product. `threads`, `shared_bytes`, `block_tokens` and `block_rows` say how to launch it.
template <class Leaf>
using nvidia_matmul = atoms::sm80::matmul_words<Leaf, tuning::sm80::matmul().tokens, tuning::sm80::matmul().rows, tuning::sm80::matmul().stages>;

TENON_KERNELS_END
