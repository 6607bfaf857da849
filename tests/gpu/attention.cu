// The kernels of attention for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>

#include "attention_problems.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
template <class Problem>
using words = tenon::nvidia_attention<leaf, Problem>;

}  // namespace

#define TENON_TEST_KERNEL(problem)                                                                          \
  extern "C" __global__ void __launch_bounds__(words<tenon_test::problem>::threads)                         \
      attention_##problem(const __grid_constant__ tenon::attention_arguments<tenon_test::problem> arguments) { \
    tenon::attention_kernel<leaf, words<tenon_test::problem>>(arguments);                                   \
  }

TENON_TEST_KERNEL(causal_128)
TENON_TEST_KERNEL(causal_64)
TENON_TEST_KERNEL(capped_128)
TENON_TEST_KERNEL(documents_64)

namespace {

using split_words = tenon::nvidia_attention_split<leaf, tenon_test::decode_128>;

}  // namespace

extern "C" __global__ void __launch_bounds__(split_words::threads)
    attention_split(const __grid_constant__ tenon::attention_split_arguments<tenon_test::decode_128> arguments) {
  tenon::attention_split_kernel<leaf, split_words>(arguments);
}
extern "C" __global__ void __launch_bounds__(128) attention_merge(const __grid_constant__ tenon::attention_split_arguments<tenon_test::decode_128> arguments) {
  tenon::attention_merge_kernel<leaf, split_words, 128>(arguments);
}
