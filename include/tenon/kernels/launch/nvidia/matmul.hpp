#pragma once
// Products on NVIDIA GPUs: the words of sm_80 with their tile. A kernel is three lines of a .cu file, as in launch/nvidia/attention.hpp.

#include <tenon/kernels/atoms/sm80/matmul.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/tuning/sm80.hpp>

TENON_KERNELS_BEGIN

/// The words of a product of Numbers: bf16, f16, tf32, std::int8_t or, from sm_89 on, e4m3; on sm_75 f16. `threads`, `shared_bytes`, `block_tokens` and `block_rows` say how to launch it.
template <class Leaf, class Number = bf16>
using nvidia_matmul = atoms::sm80::matmul_words<Leaf, tuning::sm80::matmul().tokens, tuning::sm80::matmul().rows, tuning::sm80::matmul().stages,
                                                atoms::sm80::row_weights<Leaf, tuning::sm80::matmul().rows, 128, Number>>;

/// The tile of a product with weights in panels of Format: what 64 of the depth of a row take decides.
template <class Format>
inline constexpr tuning::sm80::matmul_tile nvidia_panel_tile = tuning::sm80::matmul((device_panel<Format>::header_bytes + device_panel<Format>::part_bytes) / panel::columns);

/// The words of such a product, of one matrix or two.
template <class Leaf, class Format, int Matrices>
using nvidia_panel_matmul = atoms::sm80::matmul_words<Leaf, nvidia_panel_tile<Format>.tokens, nvidia_panel_tile<Format>.rows, nvidia_panel_tile<Format>.stages,
                                                      atoms::sm80::panel_weights<Leaf, nvidia_panel_tile<Format>.rows, 128, Format, Matrices>>;

TENON_KERNELS_END
