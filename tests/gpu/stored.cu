// The kernels of products for NVIDIA GPUs with weights as they are stored, that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "stored_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
using tenon_test::stored_kernels;
using kernels = stored_kernels<leaf, tenon::nvidia_panel_matmul>;
using gated_rows = tenon::matmul_body<leaf, tenon::nvidia_matmul<leaf, tenon::bf16, tenon::sm80, 2>, tenon::gated_product<tenon::bf16, float, tenon::silu>>;

}  // namespace

TENON_TEST_KERNEL(gated_bf16, gated_rows)
TENON_TEST_KERNELS(TENON_TEST_KERNEL)
