// The kernels of attention's gradients for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention_backward.hpp>

#include "attention_backward_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
template <class Problem>
using keys = tenon::attention_backward_keys_body<leaf, tenon::nvidia_attention_backward_keys<leaf, Problem>, Problem>;
template <class Problem>
using queries = tenon::attention_backward_queries_body<leaf, tenon::nvidia_attention_backward_rows<leaf, Problem>, Problem>;
template <class Problem>
using facts = tenon::attention_backward_rows_body<leaf, Problem>;
template <class Problem>
using sinks = tenon::attention_backward_sinks_body<leaf, Problem>;

}  // namespace

TENON_TEST_BACKWARD_KERNELS(TENON_TEST_KERNEL)
