// The kernels of products for sm_90a that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/matmul_sm90a.hpp>

#include "matmul_problems.hpp"

namespace {

using leaf = tenon::atoms::sm90a::leaf;
using words = tenon::sm90a_matmul<leaf>;

}  // namespace

#define TENON_TEST_KERNEL(problem)                                                                              \
  extern "C" __global__ void __launch_bounds__(words::threads, 1)                                               \
      matmul_##problem(const __grid_constant__ tenon::matmul_tensor_arguments<tenon_test::problem> arguments) { \
    tenon::matmul_tensor_kernel<leaf, words>(arguments);                                                        \
  }

TENON_TEST_KERNEL(to_bf16)
TENON_TEST_KERNEL(to_float)
