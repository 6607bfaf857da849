// The kernels of attention's gradients for sm_90a that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention_backward_sm90a.hpp>

#include "attention_backward_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm90a::leaf;
template <class Problem>
using keys = tenon::attention_backward_tensor_body<leaf, tenon::sm90a_attention_backward_keys<leaf, Problem>, Problem>;
template <class Problem>
using queries = tenon::attention_backward_tensor_body<leaf, tenon::sm90a_attention_backward_rows<leaf, Problem>, Problem>;
template <class Problem>
using facts = tenon::attention_backward_rows_body<leaf, Problem>;
template <class Problem>
using sinks = tenon::attention_backward_sinks_body<leaf, Problem>;

}  // namespace

#define TENON_TEST_WALKS(problem)                              \
  TENON_TEST_KERNEL(keys_##problem, keys<tenon_test::problem>) \
  TENON_TEST_KERNEL(queries_##problem, queries<tenon_test::problem>)
#define TENON_TEST_ROWS(problem) TENON_TEST_KERNEL(facts_##problem, facts<tenon_test::problem>)

TENON_TEST_WALKS(back_causal_128)
TENON_TEST_ROWS(back_causal_128)
TENON_TEST_WALKS(back_causal_64)
TENON_TEST_ROWS(back_causal_64)
TENON_TEST_WALKS(back_capped_128)
TENON_TEST_ROWS(back_capped_128)
TENON_TEST_WALKS(back_documents_64)
TENON_TEST_ROWS(back_documents_64)
TENON_TEST_WALKS(back_sigmoid_64)
TENON_TEST_WALKS(back_sigmoid_128)
TENON_TEST_KERNEL(sinks_back_capped_128, sinks<tenon_test::back_capped_128>)
