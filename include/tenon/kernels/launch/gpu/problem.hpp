#pragma once
// What a kernel's problem, a named struct of types, may leave out.

#include <tenon/core/number.hpp>
#include <tenon/kernels/shared/device_kept.hpp>
#include <tenon/kernels/tuning/gpu_facts.hpp>

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
template <class Problem>
struct kept_of_problem {
  using type = typename number_of_problem<Problem>::type;
};
template <class Problem>
  requires requires { typename Problem::kept; }
struct kept_of_problem<Problem> {
  using type = typename Problem::kept;
};
}  // namespace kernel_detail

/// Problem::number, what its operands in memory are; bf16 where it does not say.
template <class Problem>
using problem_number = typename kernel_detail::number_of_problem<Problem>::type;

/// Problem::kept, what its keys and values are kept in; problem_number where it does not say.
template <class Problem>
using problem_kept = typename kernel_detail::kept_of_problem<Problem>::type;
template <class Problem>
inline constexpr tuning::arrival problem_arrival = kept_number<problem_kept<Problem>>::scaled ? tuning::arrival::widened : tuning::arrival::copied;

TENON_KERNELS_END
