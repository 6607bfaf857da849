#pragma once
// A kernel of a product for an AMD GPU, by the name of its problem.

#include <tenon/kernels/launch/amd/matmul.hpp>

#include "amd_leaf.hpp"
#include "matmul_problems.hpp"

#define TENON_TEST_KERNEL(problem)                                                                                         \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(256, 256), amdgpu_waves_per_eu(1))) void matmul_##problem( \
      tenon::matmul_arguments<tenon_test::problem> arguments) {                                                            \
    using words = tenon::amd_matmul<tenon_test::leaf, tenon::problem_number<tenon_test::problem>>;                         \
    static_assert(words::threads == 256);                                                                                  \
    tenon::matmul_kernel<tenon_test::leaf, words>(arguments);                                                              \
  }
