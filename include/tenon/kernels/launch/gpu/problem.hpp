#pragma once
// What a kernel's problem, a named struct of types, may leave out.

#include <tenon/core/number.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {
template <class Problem>
struct number_of_problem {
  using type = bf16;
};
template <class Problem>
  requires requires { typename Problem::number; }
struct number_of_problem<Problem> {
  using type = typename Problem::number;
};
}  // namespace kernel_detail

/// Problem::number, what its operands in memory are; bf16 where it does not say.
template <class Problem>
using problem_number = typename kernel_detail::number_of_problem<Problem>::type;

TENON_KERNELS_END
