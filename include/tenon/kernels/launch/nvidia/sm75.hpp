#pragma once
// Attention and products of f16 on sm_75: the words of sm_80 with tiles of their own. `threads`, `shared_bytes`, `block_rows` and `block_tokens`
// say how to launch them.

#include <tenon/kernels/atoms/sm80/attention.hpp>
#include <tenon/kernels/atoms/sm80/matmul.hpp>
#include <tenon/kernels/launch/gpu/arch.hpp>
#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/tuning/sm75.hpp>

TENON_KERNELS_BEGIN

template <class Leaf, class Problem>
using sm75_attention = atoms::sm80::attention_words<Leaf, Problem::dim, tuning::sm75::attention(Problem::dim).warps, tuning::sm75::attention(Problem::dim).row_tiles,
                                                    tuning::sm75::attention(Problem::dim).keys, f16>;

template <class Leaf, int Matrices = 1>
using sm75_matmul = atoms::sm80::matmul_words<Leaf, tuning::sm75::matmul().tokens, tuning::sm75::matmul().rows, tuning::sm75::matmul().stages,
                                              atoms::sm80::row_weights<Leaf, tuning::sm75::matmul().rows, 128, f16, Matrices>>;

/// Of sm_75 there is attention over views, and products.
template <>
struct words_of<sm75> {
  using number = f16;
  template <class Leaf, class Problem>
  using attention = sm75_attention<Leaf, Problem>;
  template <class Leaf, class = f16, int Matrices = 1>
  using matmul = sm75_matmul<Leaf, Matrices>;
  template <class Number>
  static constexpr bool multiplies = std::is_same_v<Number, f16>;
};

TENON_KERNELS_END
