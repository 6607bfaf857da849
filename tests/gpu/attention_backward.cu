// The kernels of attention's gradients for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention_backward.hpp>

#include "attention_backward_problems.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
template <class Problem>
using keys = tenon::nvidia_attention_backward_keys<leaf, Problem>;
template <class Problem>
using rows = tenon::nvidia_attention_backward_rows<leaf, Problem>;

}  // namespace

#define TENON_TEST_WALKS(problem)                                                                                    \
  extern "C" __global__ void __launch_bounds__(keys<tenon_test::problem>::threads)                                   \
      keys_##problem(const __grid_constant__ tenon::attention_backward_arguments<tenon_test::problem> arguments) {   \
    tenon::attention_backward_keys_kernel<leaf, keys<tenon_test::problem>>(arguments);                               \
  }                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(rows<tenon_test::problem>::threads)                                   \
      queries_##problem(const __grid_constant__ tenon::attention_backward_arguments<tenon_test::problem> arguments) { \
    tenon::attention_backward_queries_kernel<leaf, rows<tenon_test::problem>>(arguments);                            \
  }
#define TENON_TEST_ROWS(problem)                                                                                  \
  extern "C" __global__ void __launch_bounds__(128)                                                               \
      facts_##problem(const __grid_constant__ tenon::attention_backward_arguments<tenon_test::problem> arguments) { \
    tenon::attention_backward_rows_kernel<leaf>(arguments);                                                       \
  }

TENON_TEST_WALKS(back_causal_128)
TENON_TEST_ROWS(back_causal_128)
TENON_TEST_WALKS(back_causal_64)
TENON_TEST_ROWS(back_causal_64)
TENON_TEST_WALKS(back_capped_128)
TENON_TEST_ROWS(back_capped_128)
TENON_TEST_WALKS(back_documents_64)
TENON_TEST_ROWS(back_documents_64)
TENON_TEST_WALKS(back_sigmoid_64)

extern "C" __global__ void __launch_bounds__(128) sinks_back_capped_128(const __grid_constant__ tenon::attention_backward_arguments<tenon_test::back_capped_128> arguments) {
  tenon::attention_backward_sinks_kernel<leaf, 128>(arguments);
}
