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

// Keys split over blocks, for few rows and for many. Executed through the launch of every machine: tests/device/parity.cu.
#define TENON_TEST_SPLIT(rows, problem)                                                                             \
  extern "C" __global__ void __launch_bounds__(rows<problem>::threads, 1)                                           \
      split_##rows##_##problem(const __grid_constant__ tenon::attention_tensor_split_arguments<problem> arguments) { \
    tenon::attention_tensor_split_kernel<tenon::sm90a_schedule<problem>, leaf, rows<problem>>(arguments);           \
  }
template <class Problem>
using few = tenon::sm90a_attention_split<leaf, Problem>;
template <class Problem>
using many = words<Problem>;
using tenon_test::decode_128;
struct paged_128 : decode_128 {
  using keys = tenon::paged_keys;
};
TENON_TEST_SPLIT(few, decode_128)
TENON_TEST_SPLIT(many, decode_128)
TENON_TEST_SPLIT(few, paged_128)
TENON_TEST_SPLIT(many, paged_128)
