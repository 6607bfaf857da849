#pragma once
// The words of AMD's architectures, for launch functions.

#include <tenon/kernels/launch/amd/attention.hpp>
#include <tenon/kernels/launch/amd/attention_backward.hpp>
#include <tenon/kernels/launch/amd/linear_attention.hpp>
#include <tenon/kernels/launch/amd/matmul.hpp>
#include <tenon/kernels/launch/gpu/arch.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>

TENON_KERNELS_BEGIN

/// One text of words serves all of them: their leaves differ.
struct amd_words {
  template <class Leaf, class Problem>
  using attention = amd_attention<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_split = amd_attention<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_backward_keys = amd_attention_backward_keys<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_backward_rows = amd_attention_backward_rows<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_backward_learned = amd_attention_backward_rows<Leaf, Problem>;
  template <class Leaf, class Problem, beside Beside = beside::totals>
  using linear_attention = amd_linear_attention<Leaf, Problem, Beside>;
  template <class Leaf, class Number = bf16, int Matrices = 1>
  using matmul = amd_matmul<Leaf, Number, Matrices>;
  template <class Number>
  static constexpr bool multiplies = is_one_of<Number, bf16, f16, std::int8_t>;
  template <class Leaf, class Format, int Matrices>
  using panel_matmul = amd_panel_matmul<Leaf, Format, Matrices>;
};
template <>
struct words_of<gfx90a> : amd_words {};
template <>
struct words_of<gfx942> : amd_words {
  template <class Number>
  static constexpr bool multiplies = amd_words::multiplies<Number> || std::is_same_v<Number, e4m3>;
};
template <>
struct words_of<gfx1100> : amd_words {};
template <>
struct words_of<gfx1201> : amd_words {
  template <class Number>
  static constexpr bool multiplies = words_of<gfx942>::multiplies<Number>;
};

TENON_KERNELS_END
