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

TENON_TEST_BACKWARD_KERNELS(TENON_TEST_KERNEL)
TENON_TEST_WALKS_OF(TENON_TEST_KERNEL, back_sigmoid_128)
