#pragma once
// What a kernel's problem, a named struct of types, may leave out.

#include <tenon/core/number.hpp>
#include <tenon/kernels/shared/device_kept.hpp>
#include <tenon/kernels/shared/device_sink.hpp>
#include <tenon/kernels/tuning/gpu_facts.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {
// Member<Problem>, or Default where the problem has no such type.
template <template <class> class Member, class Problem, class Default>
struct member_or {
  using type = Default;
};
template <template <class> class Member, class Problem, class Default>
  requires requires { typename Member<Problem>; }
struct member_or<Member, Problem, Default> {
  using type = Member<Problem>;
};
template <class Problem>
using number_in = typename Problem::number;
template <class Problem>
using kept_in = typename Problem::kept;
template <class Problem>
using keys_in = typename Problem::keys;
template <class Problem>
using join_in = typename Problem::join;
}  // namespace kernel_detail

/// Problem::number, what its operands in memory are; bf16 where it does not say.
template <class Problem>
using problem_number = typename kernel_detail::member_or<kernel_detail::number_in, Problem, bf16>::type;

/// Problem::keys, how its keys and values lie; dense where it does not say.
template <class Problem>
using problem_keys = typename kernel_detail::member_or<kernel_detail::keys_in, Problem, dense_keys>::type;

/// Problem::kept, what its keys and values are kept in; problem_number where it does not say.
template <class Problem>
using problem_kept = typename kernel_detail::member_or<kernel_detail::kept_in, Problem, problem_number<Problem>>::type;
template <class Problem>
inline constexpr tuning::arrival problem_arrival = kept_number<problem_kept<Problem>>::scaled ? tuning::arrival::widened : tuning::arrival::copied;

/// Problem::join, how a sum meets the residual; `added` where it does not say.
template <class Problem>
using problem_join = typename kernel_detail::member_or<kernel_detail::join_in, Problem, added>::type;

/// The matrices that a problem multiplies x with: 2 where it says so, a gate's and that which it opens.
template <class Problem>
inline constexpr int problem_matrices = [] {
  if constexpr (requires { Problem::matrices; })
    return Problem::matrices;
  else
    return 1;
}();

TENON_KERNELS_END
