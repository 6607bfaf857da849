// Attention and products of f16 for sm_75.

#include <tenon/kernels/atoms/sm75/leaf.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>

#include "attention_problems.hpp"
#include "matmul_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm75::leaf;
template <class Problem>
using product = tenon::matmul_body<leaf, tenon::sm75_matmul<leaf>, Problem>;
template <class Problem>
using attention = tenon::attention_body<leaf, tenon::sm75_attention<leaf, Problem>, Problem>;

}  // namespace

TENON_TEST_KERNEL(matmul_of_f16, product<tenon_test::of_f16>)
TENON_TEST_KERNEL(attention_half_64, attention<tenon_test::half_64>)
TENON_TEST_KERNEL(attention_half_128, attention<tenon_test::half_128>)
