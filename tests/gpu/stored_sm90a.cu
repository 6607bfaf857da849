// The kernels of products for sm_90a with weights as they are stored, that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/matmul_sm90a.hpp>

#include "stored_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm90a::leaf;
using tenon_test::stored_kernels;
using kernels = stored_kernels<leaf, tenon::sm90a_panel_matmul, tenon::panel_tensor_body>;
using gated_rows = tenon::matmul_tensor_body<leaf, tenon::sm90a_matmul<leaf, tenon::bf16, 2>, tenon::gated_product<tenon::bf16, float, tenon::silu>>;

}  // namespace

TENON_TEST_KERNEL(gated_bf16, gated_rows)
TENON_TEST_KERNELS(TENON_TEST_KERNEL)
