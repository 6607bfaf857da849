// The kernels of products for AMD GPUs that the tests compile. The simulated machine executes the same words.

#include <tenon/kernels/launch/amd/matmul.hpp>

#include "amd_leaf.hpp"
#include "matmul_problems.hpp"

namespace {

using tenon_test::leaf;
using words = tenon::amd_matmul<leaf>;

}  // namespace

#define TENON_TEST_KERNEL(problem)                                                                                         \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(256, 256), amdgpu_waves_per_eu(1))) void matmul_##problem( \
      tenon::matmul_arguments<tenon_test::problem> arguments) {                                                            \
    static_assert(words::threads == 256);                                                                                  \
    tenon::matmul_kernel<leaf, words>(arguments);                                                                          \
  }

TENON_TEST_KERNEL(to_bf16)
TENON_TEST_KERNEL(to_float)
