#pragma once
// The words of NVIDIA's architectures, for launch functions.

#include <tenon/kernels/launch/gpu/arch.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>
#include <tenon/kernels/launch/nvidia/attention_backward.hpp>
#include <tenon/kernels/launch/nvidia/attention_backward_sm90a.hpp>
#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>
#include <tenon/kernels/launch/nvidia/linear_attention.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>
#include <tenon/kernels/launch/nvidia/matmul_sm90a.hpp>

TENON_KERNELS_BEGIN

/// The words of sm_80, in tiles for what Arch has.
template <class Arch>
struct nvidia_words {
  template <class Leaf, class Problem>
  using attention = nvidia_attention<Leaf, Problem, Arch>;
  template <class Leaf, class Problem>
  using attention_split = nvidia_attention_split<Leaf, Problem, Arch>;
  template <class Leaf, class Problem>
  using attention_backward_keys = nvidia_attention_backward_keys<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_backward_rows = nvidia_attention_backward_rows<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_backward_learned = nvidia_attention_backward_rows<Leaf, Problem>;
  template <class Leaf, class Problem, beside Beside = beside::totals>
  using linear_attention = nvidia_linear_attention<Leaf, Problem, Beside>;
  template <class Leaf, class Number = bf16, int Matrices = 1>
  using matmul = nvidia_matmul<Leaf, Number, Arch, Matrices>;
  template <class Leaf, class Format, int Matrices>
  using panel_matmul = nvidia_panel_matmul<Leaf, Format, Matrices, Arch>;
};
template <>
struct words_of<sm80> : nvidia_words<sm80> {
  template <class Number>
  static constexpr bool multiplies = is_one_of<Number, bf16, f16, std::int8_t>;
};
template <>
struct words_of<sm86> : nvidia_words<sm86> {
  template <class Number>
  static constexpr bool multiplies = words_of<sm80>::multiplies<Number>;
};
template <>
struct words_of<sm89> : nvidia_words<sm89> {
  template <class Number>
  static constexpr bool multiplies = is_one_of<Number, bf16, f16, std::int8_t, e4m3>;
};

namespace kernel_detail {
/// Products of what lies in shared memory are of bf16.
template <class Leaf, class Problem, class = problem_number<Problem>>
struct backward_on_sm90a {
  using keys = nvidia_attention_backward_keys<Leaf, Problem>;
  using rows = nvidia_attention_backward_rows<Leaf, Problem>;
};
template <class Leaf, class Problem>
struct backward_on_sm90a<Leaf, Problem, bf16> {
  using keys = sm90a_attention_backward_keys<Leaf, Problem>;
  using rows = sm90a_attention_backward_rows<Leaf, Problem>;
};
}  // namespace kernel_detail

/// What it has no words of its own for, gradients of what scores learn and of f16, linear attention and products of int8, are those of sm_80.
template <>
struct words_of<sm90a> : nvidia_words<sm80> {
  template <class Leaf, class Problem>
  using attention = sm90a_attention<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_split = sm90a_attention_split<Leaf, Problem>;
  template <class Leaf, class Problem>
  using attention_backward_keys = typename kernel_detail::backward_on_sm90a<Leaf, Problem>::keys;
  template <class Leaf, class Problem>
  using attention_backward_rows = typename kernel_detail::backward_on_sm90a<Leaf, Problem>::rows;
  template <class Leaf, class Number = bf16, int Matrices = 1>
  using matmul = std::conditional_t<is_one_of<Number, bf16, e4m3>, sm90a_matmul<Leaf, std::conditional_t<sizeof(Number) == 1, e4m3, bf16>, Matrices>, nvidia_matmul<Leaf, Number, sm80, Matrices>>;
  template <class Number>
  static constexpr bool multiplies = is_one_of<Number, bf16, std::int8_t, e4m3>;
  template <class Leaf, class Format, int Matrices>
  using panel_matmul = sm90a_panel_matmul<Leaf, Format, Matrices>;
};

TENON_KERNELS_END
