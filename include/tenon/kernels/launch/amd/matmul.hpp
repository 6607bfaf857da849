#pragma once
// Products on AMD GPUs: the words of gfx942 with their tile. A kernel is three lines of a .hip file, as in launch/amd/attention.hpp.

#include <tenon/kernels/atoms/gfx942/matmul.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/tuning/gfx942.hpp>

TENON_KERNELS_BEGIN

/// The words of a product. `threads`, `shared_bytes`, `block_tokens` and `block_rows` say how to launch it.
template <class Leaf>
using amd_matmul = atoms::gfx942::matmul_words<Leaf, tuning::gfx942::matmul().tokens, tuning::gfx942::matmul().rows, tuning::gfx942::matmul().depth>;

TENON_KERNELS_END
