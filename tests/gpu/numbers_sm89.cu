// Products of e4m3, which sm_89 adds to those of sm_80.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "matmul_problems.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;

}  // namespace

#define TENON_TEST_PRODUCT(problem)                                                                      \
  extern "C" __global__ void __launch_bounds__(128)                                                      \
      matmul_##problem(const __grid_constant__ tenon::matmul_arguments<tenon_test::problem> arguments) { \
    tenon::matmul_kernel<leaf, tenon::nvidia_matmul<leaf, tenon::problem_number<tenon_test::problem>>>(arguments);                                                           \
  }

TENON_TEST_PRODUCT(of_e4m3)
