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

#define TENON_TEST_WALK(kept, problem)                                                                                  \
  extern "C" __global__ void __launch_bounds__(kept<tenon_test::problem>::threads, 1)                                   \
      kept##_##problem(const __grid_constant__ tenon::attention_backward_tensor_body<leaf, kept<tenon_test::problem>, tenon_test::problem> walk) { \
    walk();                                                                                                             \
  }
#define TENON_TEST_WALKS(problem) TENON_TEST_WALK(keys, problem) TENON_TEST_WALK(queries, problem)

TENON_TEST_WALKS(back_causal_128)
TENON_TEST_WALKS(back_causal_64)
TENON_TEST_WALKS(back_capped_128)
TENON_TEST_WALKS(back_documents_64)
TENON_TEST_WALKS(back_sigmoid_64)
