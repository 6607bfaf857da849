#pragma once
// Products on AMD GPUs: their words with their tile. A kernel is three lines of a .hip file, as in launch/amd/attention.hpp.

#include <tenon/kernels/atoms/amd/matmul.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/tuning/amd.hpp>

TENON_KERNELS_BEGIN

/// The tile of a product with weights as rows: tokens, rows of all its matrices together, bytes of a stage.
template <class Number, int Matrices>
inline constexpr tuning::amd::matmul_tile amd_tile = sizeof(Number) == 1 ? tuning::amd::matmul_of_8_bits(Matrices) : tuning::amd::matmul();

/// The words of a product of Numbers: bf16, f16, std::int8_t or, on gfx942 and gfx1201, e4m3; of one matrix or of two, a gate's and that which it opens. `threads`,
/// `shared_bytes`, `block_tokens` and `block_rows` say how to launch it.
template <class Leaf, class Number = bf16, int Matrices = 1>
using amd_matmul = atoms::amd::matmul_words<Leaf, Number, amd_tile<Number, Matrices>.tokens, amd_tile<Number, Matrices>.rows, amd_tile<Number, Matrices>.stage_bytes,
                                            atoms::amd::row_weights<Leaf, Number, amd_tile<Number, Matrices>.rows, amd_tile<Number, Matrices>.stage_bytes, Matrices>>;

/// The tile of a problem's product: its own, if it has one: `static constexpr tuning::amd::matmul_tile tile{64, 64, 128};`
template <class Problem>
inline constexpr tuning::amd::matmul_tile amd_problem_tile = tuning::own_tile_or<Problem>(amd_tile<problem_number<Problem>, problem_matrices<Problem>>);
/// The words of a problem's product, in that tile.
template <class Leaf, class Problem>
using amd_problem_matmul = atoms::amd::matmul_words<Leaf, problem_number<Problem>, amd_problem_tile<Problem>.tokens, amd_problem_tile<Problem>.rows, amd_problem_tile<Problem>.stage_bytes,
                                                    atoms::amd::row_weights<Leaf, problem_number<Problem>, amd_problem_tile<Problem>.rows, amd_problem_tile<Problem>.stage_bytes, problem_matrices<Problem>>>;

/// The words of a product with weights in panels of Format, of one matrix or two.
template <class Leaf, class Format, int Matrices>
using amd_panel_matmul = atoms::amd::matmul_words<Leaf, bf16, tuning::amd::matmul().tokens, tuning::amd::matmul().rows, tuning::amd::matmul().stage_bytes,
                                                  atoms::amd::panel_weights<Leaf, tuning::amd::matmul().rows, Format, Matrices>>;

TENON_KERNELS_END
