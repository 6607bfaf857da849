// The kernels of attention for NVIDIA GPUs that the tests compile, and run as PTX: with the words of the GPU that it is compiled for.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>

#include "attention_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
constexpr int number = tenon::kernel_detail::arch_of_pass;
using arch = std::conditional_t<number == tenon::sm86::number, tenon::sm86, std::conditional_t<number == tenon::sm89::number, tenon::sm89, tenon::sm80>>;
template <class Problem>
using body = tenon::attention_body<leaf, tenon::nvidia_attention<leaf, Problem, arch>, Problem>;
template <class Problem>
using split_body = tenon::attention_split_body<leaf, tenon::nvidia_attention_split<leaf, Problem, arch>, Problem>;
template <class Problem>
using merge_body = tenon::attention_merge_body<leaf, tenon::nvidia_attention_split<leaf, Problem, arch>, Problem>;

}  // namespace

TENON_TEST_KERNEL(attention_causal_128, body<tenon_test::causal_128>)
TENON_TEST_KERNEL(attention_causal_64, body<tenon_test::causal_64>)
TENON_TEST_KERNEL(attention_capped_128, body<tenon_test::capped_128>)
TENON_TEST_KERNEL(attention_documents_64, body<tenon_test::documents_64>)
TENON_TEST_KERNEL(attention_documents_128, body<tenon_test::documents_128>)
TENON_TEST_KERNEL(attention_listed_64, body<tenon_test::listed_64>)
TENON_TEST_KERNEL(attention_listed_128, body<tenon_test::listed_128>)
TENON_TEST_KERNEL(attention_split, split_body<tenon_test::decode_128>)
TENON_TEST_KERNEL(attention_merge, merge_body<tenon_test::decode_128>)
