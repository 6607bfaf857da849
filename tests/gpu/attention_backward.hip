// The kernels of attention's gradients for AMD GPUs that the tests compile. The simulated machine executes the same words.

#include <tenon/kernels/launch/amd/attention_backward.hpp>

#include "amd_leaf.hpp"
#include "attention_backward_problems.hpp"

namespace {

using tenon_test::leaf;
template <class Problem>
using keys = tenon::amd_attention_backward_keys<leaf, Problem>;
template <class Problem>
using rows = tenon::amd_attention_backward_rows<leaf, Problem>;

}  // namespace

#define TENON_TEST_WALKS(problem, waves)                                                                                           \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(keys<tenon_test::problem>::threads, keys<tenon_test::problem>::threads), amdgpu_waves_per_eu(waves))) void keys_##problem( \
      tenon::attention_backward_arguments<tenon_test::problem> arguments) {                                                        \
    tenon::attention_backward_keys_kernel<leaf, keys<tenon_test::problem>>(arguments);                                             \
  }                                                                                                                                \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(rows<tenon_test::problem>::threads, rows<tenon_test::problem>::threads), amdgpu_waves_per_eu(2))) void queries_##problem(        \
      tenon::attention_backward_arguments<tenon_test::problem> arguments) {                                                        \
    tenon::attention_backward_queries_kernel<leaf, rows<tenon_test::problem>>(arguments);                                          \
  }
#define TENON_TEST_ROWS(problem)                                                                                    \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(128, 128))) void facts_##problem(                   \
      tenon::attention_backward_arguments<tenon_test::problem> arguments) {                                         \
    tenon::attention_backward_rows_kernel<leaf>(arguments);                                                         \
  }

TENON_TEST_WALKS(back_causal_64, 2)
TENON_TEST_ROWS(back_causal_64)
TENON_TEST_WALKS(back_documents_64, 2)
TENON_TEST_ROWS(back_documents_64)
TENON_TEST_WALKS(back_sigmoid_64, 2)
