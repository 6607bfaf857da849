// The kernels of attention for sm_90a that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>

#include "attention_problems.hpp"

namespace {

using leaf = tenon::atoms::sm90a::leaf;
template <class Problem>
using words = tenon::sm90a_attention<leaf, Problem>;

}  // namespace

#define TENON_TEST_KERNEL(schedule, problem)                                                                            \
  extern "C" __global__ void __launch_bounds__(words<tenon_test::problem>::threads, 1)                                  \
      schedule##_##problem(const __grid_constant__ tenon::attention_tensor_arguments<tenon_test::problem> arguments) { \
    tenon::attention_tensor_kernel<tenon::schedule, leaf, words<tenon_test::problem>>(arguments);                       \
  }

TENON_TEST_KERNEL(in_order, causal_128)
TENON_TEST_KERNEL(overlapped, causal_128)
TENON_TEST_KERNEL(in_order, causal_64)
TENON_TEST_KERNEL(overlapped, causal_64)
TENON_TEST_KERNEL(in_order, capped_128)
TENON_TEST_KERNEL(overlapped, capped_128)
TENON_TEST_KERNEL(in_order, documents_64)
TENON_TEST_KERNEL(overlapped, documents_64)
