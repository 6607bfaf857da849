// The kernels of attention's gradients for sm_90a that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention_backward_sm90a.hpp>

#include "attention_backward_problems.hpp"

namespace {

using leaf = tenon::atoms::sm90a::leaf;
template <class Problem>
using keys = tenon::sm90a_attention_backward_keys<leaf, Problem>;
template <class Problem>
using queries = tenon::sm90a_attention_backward_rows<leaf, Problem>;

}  // namespace

#define TENON_TEST_WALK(kept, problem)                                                                                                             \
  extern "C" __global__ void __launch_bounds__(kept<tenon_test::problem>::threads, 1)                                                              \
      kept##_##problem(const __grid_constant__ tenon::attention_backward_tensor_body<leaf, kept<tenon_test::problem>, tenon_test::problem> walk) { \
    walk();                                                                                                                                        \
  }
#define TENON_TEST_BODY(name, body) \
  extern "C" __global__ void __launch_bounds__(body::threads) name(const __grid_constant__ body thread) { thread(); }
#define TENON_TEST_KERNELS(problem)  \
  TENON_TEST_WALK(keys, problem)     \
  TENON_TEST_WALK(queries, problem)  \
  using facts_of_##problem = tenon::attention_backward_rows_body<leaf, tenon_test::problem>; \
  TENON_TEST_BODY(facts_##problem, facts_of_##problem)

TENON_TEST_KERNELS(back_causal_128)
TENON_TEST_KERNELS(back_causal_64)
TENON_TEST_KERNELS(back_capped_128)
TENON_TEST_KERNELS(back_documents_64)
TENON_TEST_WALK(keys, back_sigmoid_64)
TENON_TEST_WALK(queries, back_sigmoid_64)
TENON_TEST_WALK(keys, back_sigmoid_128)
TENON_TEST_WALK(queries, back_sigmoid_128)
using sinks_of_back_capped_128 = tenon::attention_backward_sinks_body<leaf, tenon_test::back_capped_128>;
TENON_TEST_BODY(sinks_back_capped_128, sinks_of_back_capped_128)
