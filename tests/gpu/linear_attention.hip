// The kernels of linear attention for AMD GPUs that the tests compile. The simulated machine executes the same bodies.

#include <tenon/kernels/launch/amd/words.hpp>

#include "amd_leaf.hpp"
#include "linear_attention_problems.hpp"

namespace {

using kernels = tenon_test::linear_kernels<tenon_test::leaf, tenon::amd_words>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(body::threads, body::threads))) void name(body thread) { thread(); }

TENON_TEST_KERNELS(TENON_TEST_KERNEL)
