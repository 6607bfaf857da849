#pragma once
// The simulated GPUs as tests see them: their words, and their leaf with slips.

#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "mutating_leaf.hpp"
#include "mutating_sm90a.hpp"
#include "orders.hpp"

namespace tenon::testing {

/// AMD's architectures.
template <class Arch>
struct kernels_of : words_of<Arch> {
  using leaf = typename simulated<Arch>::leaf;
  using broken = mutating_amd<Arch>;
  template <class Leaf, class Problem>
  using matmul = amd_problem_matmul<Leaf, Problem>;
  static constexpr int read_at_once = 16;  ///< bytes of a row that products read whole, where its end is
  static constexpr int late_product = 13;  ///< matrix instructions before one whose break must show
  static constexpr int shuffled = leaf::side;
};

template <>
struct kernels_of<sm80> : words_of<sm80> {
  using leaf = simulated<sm80>::leaf;
  using broken = mutating_sm80;
  template <class Leaf, class Problem>
  using matmul = nvidia_problem_matmul<Leaf, Problem>;
  static constexpr int read_at_once = 1;
  static constexpr int late_product = 61;
  static constexpr int shuffled = 1;
};

template <>
struct kernels_of<sm75> : kernels_of<sm80> {
  using leaf = simulated<sm75>::leaf;
  template <class Leaf, class Problem>
  using attention = sm75_attention<Leaf, Problem>;
  template <class Leaf, class>
  using matmul = sm75_matmul<Leaf>;
};

template <>
struct kernels_of<sm90a> : words_of<sm90a> {
  using leaf = simulated<sm90a>::leaf;
  using broken = mutating_sm90a;
  template <class Leaf, class Problem>
  using matmul = sm90a_problem_matmul<Leaf, Problem>;
  static constexpr int read_at_once = 1;
};
template <>
struct kernels_of<sm89> : kernels_of<sm80> {
  using leaf = simulated<sm89>::leaf;
  template <class Leaf, class Problem>
  using matmul = nvidia_problem_matmul<Leaf, Problem, sm89>;
};

/// Relative L2 that numbers of `Number` and results of `Out` may be apart from double.
template <class Number, class Out>
inline constexpr double bound_between = std::is_same_v<Number, f16> && !std::is_same_v<Out, bf16> ? 1e-3 : 5e-3;

}  // namespace tenon::testing
