#pragma once
// The problems of attention's gradients that the tests of GPU kernels compile and run.

#include "attention_problems.hpp"

namespace tenon_test {

struct back_causal_128 : causal_128 {
  using gradient = tenon::bf16;
};
struct back_causal_64 : causal_64 {
  using gradient = tenon::bf16;
};

/// The scores of a soft cap, a window, a sink per head, and gradients that are not rounded.
struct back_capped_128 : capped_128 {
  using gradient = float;
};

/// A mask and a bias with operands in memory, and the heads of a group.
struct back_documents_64 : documents_64 {
  using gradient = tenon::bf16;
};

/// Weights that stand alone.
struct back_sigmoid_64 : causal_64 {
  using weighting = tenon::sigmoid;
  using gradient = float;
};

struct back_sigmoid_128 : back_sigmoid_64 {
  static constexpr int dim = 128;
};

}  // namespace tenon_test

// Calls kernel(name, type) for each, where keys, queries, facts and sinks are those of a machine, of a problem.
#define TENON_TEST_WALKS_OF(kernel, problem)        \
  kernel(keys_##problem, keys<tenon_test::problem>) \
  kernel(queries_##problem, queries<tenon_test::problem>)
#define TENON_TEST_KERNELS_OF(kernel, problem) \
  TENON_TEST_WALKS_OF(kernel, problem)         \
  kernel(facts_##problem, facts<tenon_test::problem>)
#define TENON_TEST_BACKWARD_KERNELS(kernel)         \
  TENON_TEST_KERNELS_OF(kernel, back_causal_128)    \
  TENON_TEST_KERNELS_OF(kernel, back_causal_64)     \
  TENON_TEST_KERNELS_OF(kernel, back_capped_128)    \
  TENON_TEST_KERNELS_OF(kernel, back_documents_64)  \
  TENON_TEST_WALKS_OF(kernel, back_sigmoid_64)      \
  kernel(sinks_back_capped_128, sinks<tenon_test::back_capped_128>)
