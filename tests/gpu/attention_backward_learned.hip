// The kernels of what a score learns for AMD GPUs that the tests compile. The simulated machine executes the same bodies.

#include <tenon/kernels/launch/amd/words.hpp>

#include "amd_leaf.hpp"
#include "attention_backward_learned_problems.hpp"

namespace {

using learned = tenon_test::learned_kernels<tenon_test::leaf, tenon::amd_words>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(body::threads, body::threads), amdgpu_waves_per_eu(1))) void name(body thread) { thread(); }

TENON_TEST_LEARNED_KERNELS(TENON_TEST_KERNEL)
