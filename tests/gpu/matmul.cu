// The kernels of products for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "matmul_problems.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
using words = tenon::nvidia_matmul<leaf>;

}  // namespace

#define TENON_TEST_KERNEL(problem)                                                                       \
  extern "C" __global__ void __launch_bounds__(words::threads)                                           \
      matmul_##problem(const __grid_constant__ tenon::matmul_arguments<tenon_test::problem> arguments) { \
    tenon::matmul_kernel<leaf, words>(arguments);                                                        \
  }

TENON_TEST_KERNEL(to_bf16)
TENON_TEST_KERNEL(to_float)
