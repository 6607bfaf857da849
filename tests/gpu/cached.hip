// Attention over a cache on AMD GPUs, as kernels that the tests compile. The simulated machine executes the same bodies.

#include <tenon/kernels/launch/amd/words.hpp>

#include "amd_leaf.hpp"
#include "cached_problems.hpp"

namespace {

using kernels = tenon_test::cached_kernels<tenon_test::leaf, tenon::amd_words>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(body::threads, body::threads), amdgpu_waves_per_eu(1))) void name(body thread) { thread(); }

TENON_TEST_KERNEL(round_rows, kernels::round)
TENON_TEST_KERNEL(whole_kept, kernels::kept::whole)
TENON_TEST_KERNEL(whole_chosen, kernels::chosen::whole)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, 64)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, 128)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, paged)
