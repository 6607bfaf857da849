#pragma once
// Products on NVIDIA GPUs: the words of sm_80 with their tile. A kernel is three lines of a .cu file, as in launch/nvidia/attention.hpp.

#include <tenon/kernels/atoms/sm80/matmul.hpp>
#include <tenon/kernels/launch/gpu/arch.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/tuning/sm80.hpp>

TENON_KERNELS_BEGIN

/// The tile of a product with weights as rows: tokens, rows of all its matrices together, stages.
template <class Arch, class Number = bf16, int Matrices = 1>
inline constexpr tuning::sm80::matmul_tile nvidia_tile = sizeof(Number) == 1 ? tuning::sm80::matmul_of_8_bits(Arch::facts, Matrices) : tuning::sm80::matmul(128, Arch::facts);

/// The words of a product of Numbers: bf16, f16, tf32, std::int8_t or, from sm_89 on, e4m3; on sm_75 f16; of one matrix or of two, a gate's and that which it opens.
/// `threads`, `shared_bytes`, `block_tokens` and `block_rows` say how to launch it.
template <class Leaf, class Number = bf16, class Arch = sm80, int Matrices = 1>
using nvidia_matmul =
    atoms::sm80::matmul_words<Leaf, nvidia_tile<Arch, Number, Matrices>.tokens, nvidia_tile<Arch, Number, Matrices>.rows, nvidia_tile<Arch, Number, Matrices>.stages,
                              atoms::sm80::row_weights<Leaf, nvidia_tile<Arch, Number, Matrices>.rows, 128, Number, Matrices>>;

/// The tile of a product with weights in panels of Format: what 64 of the depth of a row take decides.
template <class Format, class Arch = sm80>
inline constexpr tuning::sm80::matmul_tile nvidia_panel_tile =
    tuning::sm80::matmul((device_panel<Format>::header_bytes + device_panel<Format>::part_bytes) / panel::columns, Arch::facts);

/// The words of such a product, of one matrix or two.
template <class Leaf, class Format, int Matrices, class Arch = sm80>
using nvidia_panel_matmul = atoms::sm80::matmul_words<Leaf, nvidia_panel_tile<Format, Arch>.tokens, nvidia_panel_tile<Format, Arch>.rows, nvidia_panel_tile<Format, Arch>.stages,
                                                      atoms::sm80::panel_weights<Leaf, nvidia_panel_tile<Format, Arch>.rows, 128, Format, Matrices>>;

/// The tile of a problem's product: its own, if it has one: `static constexpr tuning::sm80::matmul_tile tile{64, 64, 4};`
template <class Problem, class Arch = sm80>
inline constexpr tuning::sm80::matmul_tile nvidia_problem_tile = tuning::own_tile_or<Problem>(nvidia_tile<Arch, problem_number<Problem>, problem_matrices<Problem>>);
/// The words of a problem's product, in that tile.
template <class Leaf, class Problem, class Arch = sm80>
using nvidia_problem_matmul = atoms::sm80::matmul_words<Leaf, nvidia_problem_tile<Problem, Arch>.tokens, nvidia_problem_tile<Problem, Arch>.rows, nvidia_problem_tile<Problem, Arch>.stages,
                                                        atoms::sm80::row_weights<Leaf, nvidia_problem_tile<Problem, Arch>.rows, 128, problem_number<Problem>, problem_matrices<Problem>>>;

TENON_KERNELS_END
