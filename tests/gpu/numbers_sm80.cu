// Attention of f16 and products of other numbers than bf16 for sm_80.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "attention_problems.hpp"
#include "matmul_problems.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;

}  // namespace

#define TENON_TEST_PRODUCT(problem)                                                                      \
  extern "C" __global__ void __launch_bounds__(128)                                                      \
      matmul_##problem(const __grid_constant__ tenon::matmul_arguments<tenon_test::problem> arguments) { \
    tenon::matmul_kernel<leaf, tenon::nvidia_matmul<leaf, tenon::problem_number<tenon_test::problem>>>(arguments);                                                           \
  }
#define TENON_TEST_ATTENTION(problem)                                                                       \
  extern "C" __global__ void __launch_bounds__(128)                                                         \
      attention_##problem(const __grid_constant__ tenon::attention_arguments<tenon_test::problem> arguments) { \
    tenon::attention_kernel<leaf, tenon::nvidia_attention<leaf, tenon_test::problem>>(arguments);                                                           \
  }

TENON_TEST_PRODUCT(of_f16)
TENON_TEST_PRODUCT(of_tf32)
TENON_TEST_PRODUCT(of_int8)
TENON_TEST_ATTENTION(half_64)
TENON_TEST_ATTENTION(half_128)
