#pragma once
// Products on NVIDIA GPUs: the words of sm_80 with their tile. A kernel is three lines of a .cu file, as in launch/nvidia/attention.hpp.

#include <tenon/kernels/atoms/sm80/matmul.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/tuning/sm80.hpp>

TENON_KERNELS_BEGIN

/// The words of a product. `threads`, `shared_bytes`, `block_tokens` and `block_rows` say how to launch it.
template <class Leaf>
using nvidia_matmul = atoms::sm80::matmul_words<Leaf, tuning::sm80::matmul().tokens, tuning::sm80::matmul().rows, tuning::sm80::matmul().stages,
                                                atoms::sm80::row_weights<Leaf, tuning::sm80::matmul().rows, 128>>;

/// The words of a product with weights in panels of Format, of one matrix or two.
template <class Leaf, class Format, int Matrices>
using nvidia_panel_matmul = atoms::sm80::matmul_words<Leaf, tuning::sm80::matmul().tokens, tuning::sm80::matmul().rows, tuning::sm80::matmul().stages,
                                                      atoms::sm80::panel_weights<Leaf, tuning::sm80::matmul().rows, 128, Format, Matrices>>;

TENON_KERNELS_END
