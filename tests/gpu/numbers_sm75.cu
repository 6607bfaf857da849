// Attention and products of f16 for sm_75.

#include <tenon/kernels/atoms/sm75/leaf.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>

#include "attention_problems.hpp"
#include "matmul_problems.hpp"

namespace {

using leaf = tenon::atoms::sm75::leaf;

}  // namespace

#define TENON_TEST_PRODUCT(problem)                                                                      \
  extern "C" __global__ void __launch_bounds__(128)                                                      \
      matmul_##problem(const __grid_constant__ tenon::matmul_arguments<tenon_test::problem> arguments) { \
    tenon::matmul_kernel<leaf, tenon::sm75_matmul<leaf>>(arguments);                                                           \
  }
#define TENON_TEST_ATTENTION(problem)                                                                       \
  extern "C" __global__ void __launch_bounds__(128)                                                         \
      attention_##problem(const __grid_constant__ tenon::attention_arguments<tenon_test::problem> arguments) { \
    tenon::attention_kernel<leaf, tenon::sm75_attention<leaf, tenon_test::problem>>(arguments);                                                           \
  }

TENON_TEST_PRODUCT(of_f16)
TENON_TEST_ATTENTION(half_64)
TENON_TEST_ATTENTION(half_128)
