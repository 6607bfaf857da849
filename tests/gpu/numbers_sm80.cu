// Attention of f16 and products of other numbers than bf16 for sm_80.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "attention_problems.hpp"
#include "matmul_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
template <class Problem>
using product = tenon::matmul_body<leaf, tenon::nvidia_matmul<leaf, tenon::problem_number<Problem>>, Problem>;
template <class Problem>
using attention = tenon::attention_body<leaf, tenon::nvidia_attention<leaf, Problem>, Problem>;

}  // namespace

TENON_TEST_KERNEL(matmul_of_f16, product<tenon_test::of_f16>)
TENON_TEST_KERNEL(matmul_of_tf32, product<tenon_test::of_tf32>)
TENON_TEST_KERNEL(matmul_of_int8, product<tenon_test::of_int8>)
TENON_TEST_KERNEL(attention_half_64, attention<tenon_test::half_64>)
TENON_TEST_KERNEL(attention_half_128, attention<tenon_test::half_128>)
