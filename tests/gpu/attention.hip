// The kernels of attention for AMD GPUs that the tests compile. The simulated machine executes the same words.

#include <tenon/kernels/launch/amd/attention.hpp>

#include "amd_leaf.hpp"
#include "attention_problems.hpp"

namespace {

using tenon_test::leaf;
template <class Problem>
using words = tenon::amd_attention<leaf, Problem>;

}  // namespace

#define TENON_TEST_KERNEL(problem)                                                                                                       \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(256, 256), amdgpu_waves_per_eu(2))) void attention_##problem(            \
      tenon::attention_arguments<tenon_test::problem> arguments) {                                                                       \
    static_assert(words<tenon_test::problem>::threads == 256);                                                                           \
    tenon::attention_kernel<leaf, words<tenon_test::problem>>(arguments);                                                                \
  }

TENON_TEST_KERNEL(causal_128)
TENON_TEST_KERNEL(causal_64)
TENON_TEST_KERNEL(half_128)
TENON_TEST_KERNEL(capped_128)
TENON_TEST_KERNEL(documents_64)

namespace {

using split_words = tenon::amd_attention<leaf, tenon_test::decode_128>;

}  // namespace

extern "C" __attribute__((global, amdgpu_flat_work_group_size(256, 256), amdgpu_waves_per_eu(2))) void attention_split(
    tenon::attention_split_arguments<tenon_test::decode_128> arguments) {
  tenon::attention_split_kernel<leaf, split_words>(arguments);
}
extern "C" __attribute__((global, amdgpu_flat_work_group_size(256, 256))) void attention_merge(tenon::attention_split_arguments<tenon_test::decode_128> arguments) {
  tenon::attention_merge_kernel<leaf, split_words, 256>(arguments);
}
