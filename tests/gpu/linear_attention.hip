// The kernels of linear attention for AMD GPUs that the tests compile. The simulated machine executes the same words.

#include <tenon/kernels/launch/amd/linear_attention.hpp>

#include "amd_leaf.hpp"
#include "linear_attention_problems.hpp"

namespace {

using tenon_test::leaf;
template <class Problem>
using words = tenon::amd_linear_attention<leaf, Problem>;

}  // namespace

#define TENON_TEST_KERNELS(problem, chunk_threads, step_threads)                                                           \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(chunk_threads, chunk_threads))) void chunks_##problem(     \
      tenon::linear_attention_arguments<tenon_test::problem> arguments) {                                                  \
    static_assert(words<tenon_test::problem>::threads <= chunk_threads);                                                   \
    tenon::linear_attention_kernel<leaf, words<tenon_test::problem>>(arguments);                                           \
  }                                                                                                                        \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(step_threads, step_threads))) void step_##problem(         \
      tenon::linear_attention_arguments<tenon_test::problem> arguments) {                                                  \
    tenon::linear_attention_step_kernel<leaf>(arguments);                                                                  \
  }

TENON_TEST_KERNELS(linear_causal_128, 320, 192)
TENON_TEST_KERNELS(linear_causal_64, 192, 128)
TENON_TEST_KERNELS(linear_padded_64, 192, 128)
