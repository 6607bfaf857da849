// Attention over a cache of 8 bits on AMD GPUs, as kernels that the tests compile. The simulated machine executes the same bodies.

#include <tenon/kernels/launch/amd/words.hpp>

#include "amd_leaf.hpp"
#include "cached_problems.hpp"

namespace {

using kernels = tenon_test::cached_kernels<tenon_test::leaf, tenon::amd_words>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(body::threads, body::threads), amdgpu_waves_per_eu(1))) void name(body thread) { thread(); }

TENON_TEST_KERNEL(append_int8, kernels::append<tenon::int8_per_128>)
TENON_TEST_KERNEL(append_e4m3, kernels::append<tenon::e4m3_per_128>)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, int8)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, e4m3)
