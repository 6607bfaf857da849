// What models do row by row on AMD GPUs, as kernels that the tests compile. The simulated machine executes the same bodies.

#include "amd_leaf.hpp"
#include "rows_problems.hpp"

namespace {

using kernels = tenon_test::row_kernels<tenon_test::leaf>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(body::threads, body::threads))) void name(body thread) { thread(); }

TENON_TEST_KERNELS(TENON_TEST_KERNEL)
