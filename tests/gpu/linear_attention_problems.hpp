#pragma once
// The kernels of linear attention, and of its gradients, that the tests compile for GPUs and run as PTX.

#include <tenon/kernels/launch/gpu/linear_attention_backward.hpp>
#include <tenon/kernels/launch/gpu/linear_rows.hpp>
#include <tenon/policies/mask/positional.hpp>
#include <tenon/policies/mask/sequences.hpp>

namespace tenon_test {

/// Words: the words_of an architecture.
template <class Leaf, class Words>
struct linear_kernels {
  template <class Mask, class Features, int Dim>
  struct of {
    using problem = tenon::device_linear<Mask, Features, Dim>;
    template <tenon::beside Beside>
    using words = typename Words::template linear_attention<Leaf, problem, Beside>;
    template <class Letters>
    using sums = tenon::linear_gradient_body<Leaf, words<Letters::asks>, Letters, problem>;
    using chunks = tenon::linear_attention_body<Leaf, words<tenon::beside::totals>, problem>;
    using step = tenon::linear_attention_step_body<Leaf, problem>;
    using facts = tenon::linear_facts_body<Leaf, problem>;
    using queries = sums<tenon::letters_of_queries<Leaf, problem>>;
    using keys = sums<tenon::letters_of_keys<Leaf, problem>>;
    using values = sums<tenon::letters_of_values<Leaf, problem>>;
    using gather = tenon::linear_gather_body<Leaf, Features>;
    using waves = tenon::linear_waves_body<Leaf, Features>;
    using parts = tenon::linear_attention_body<Leaf, words<tenon::beside::totals>, problem, tenon::kernel_detail::linear_part<Leaf, problem>>;
    using merge = tenon::linear_merge_body<Leaf, problem>;
    using learn = tenon::linear_learn_body<Leaf, problem>;
    using mapped = tenon::linear_rows_body<Leaf, std::remove_cvref_t<decltype(tenon::kernel_detail::without_waves(Features{}))>, Dim>;
    using pull = tenon::linear_pull_body<Leaf, Features, Dim>;
    using apart = sums<tenon::letters_of_queries<Leaf, problem, tenon::parts_are::apart>>;
  };
  using causal_64 = of<tenon::causal, tenon::elu_plus_one, 64>;
  using causal_128 = of<tenon::causal, tenon::elu_plus_one, 128>;
  using padded_64 = of<tenon::padding, tenon::relu_features, 64>;
  using waves_64 = of<tenon::causal, tenon::with_waves<tenon::elu_plus_one>, 64>;
  using waves_128 = of<tenon::causal, tenon::with_waves<tenon::elu_plus_one>, 128>;
  using rows_64 = of<tenon::causal, tenon::random_exponentials, 64>;
  using rows_128 = of<tenon::causal, tenon::random_exponentials, 128>;
};

}  // namespace tenon_test

// Calls kernel(name, type) for each, where `kernels` are those of a machine.
#define TENON_TEST_KERNELS_OF(kernel, problem)          \
  kernel(chunks_##problem, kernels::problem::chunks)    \
  kernel(facts_##problem, kernels::problem::facts)      \
  kernel(queries_##problem, kernels::problem::queries)  \
  kernel(keys_##problem, kernels::problem::keys)        \
  kernel(values_##problem, kernels::problem::values)
#define TENON_TEST_KERNELS_IN_PARTS(kernel, problem)    \
  kernel(parts_##problem, kernels::problem::parts)      \
  kernel(merge_##problem, kernels::problem::merge)      \
  kernel(step_##problem, kernels::problem::step)        \
  kernel(facts_##problem, kernels::problem::facts)      \
  kernel(queries_##problem, kernels::problem::queries)  \
  kernel(apart_##problem, kernels::problem::apart)      \
  kernel(learn_##problem, kernels::problem::learn)      \
  kernel(keys_##problem, kernels::problem::keys)        \
  kernel(values_##problem, kernels::problem::values)
#define TENON_TEST_KERNELS_OF_ROWS(kernel, problem)     \
  kernel(mapped_##problem, kernels::problem::mapped)    \
  kernel(parts_##problem, kernels::problem::parts)      \
  kernel(merge_##problem, kernels::problem::merge)      \
  kernel(step_##problem, kernels::problem::step)        \
  kernel(facts_##problem, kernels::problem::facts)      \
  kernel(queries_##problem, kernels::problem::queries)  \
  kernel(keys_##problem, kernels::problem::keys)        \
  kernel(values_##problem, kernels::problem::values)    \
  kernel(pull_##problem, kernels::problem::pull)
#define TENON_TEST_KERNELS(kernel)                      \
  TENON_TEST_KERNELS_OF(kernel, causal_64)              \
  TENON_TEST_KERNELS_OF(kernel, causal_128)             \
  TENON_TEST_KERNELS_OF(kernel, padded_64)              \
  kernel(step_causal_64, kernels::causal_64::step)      \
  kernel(step_causal_128, kernels::causal_128::step)    \
  TENON_TEST_KERNELS_IN_PARTS(kernel, waves_64)         \
  TENON_TEST_KERNELS_IN_PARTS(kernel, waves_128)        \
  TENON_TEST_KERNELS_OF_ROWS(kernel, rows_64)           \
  TENON_TEST_KERNELS_OF_ROWS(kernel, rows_128)          \
  kernel(gather_rows, kernels::rows_64::gather)         \
  kernel(turn_waves, kernels::waves_64::waves)          \
  kernel(gather_waves, kernels::waves_64::gather)       \
  kernel(gather_elu, kernels::causal_64::gather)        \
  kernel(gather_relu, kernels::padded_64::gather)
