// The kernels of linear attention for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/linear_attention.hpp>

#include "linear_attention_problems.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
template <class Problem>
using words = tenon::nvidia_linear_attention<leaf, Problem>;

}  // namespace

#define TENON_TEST_KERNELS(problem)                                                                            \
  extern "C" __global__ void __launch_bounds__(words<tenon_test::problem>::threads)                            \
      chunks_##problem(const __grid_constant__ tenon::linear_attention_arguments<tenon_test::problem> arguments) { \
    tenon::linear_attention_kernel<leaf, words<tenon_test::problem>>(arguments);                               \
  }                                                                                                            \
  extern "C" __global__ void __launch_bounds__(tenon_test::problem::dim + 32)                                  \
      step_##problem(const __grid_constant__ tenon::linear_attention_arguments<tenon_test::problem> arguments) { \
    tenon::linear_attention_step_kernel<leaf>(arguments);                                                      \
  }

TENON_TEST_KERNELS(linear_causal_128)
TENON_TEST_KERNELS(linear_causal_64)
TENON_TEST_KERNELS(linear_padded_64)
