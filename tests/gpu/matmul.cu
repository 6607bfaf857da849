// The kernels of products for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "matmul_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
template <class Problem>
using product = tenon::matmul_body<leaf, tenon::nvidia_matmul<leaf>, Problem>;

}  // namespace

TENON_TEST_KERNEL(matmul_to_bf16, product<tenon_test::to_bf16>)
TENON_TEST_KERNEL(matmul_to_float, product<tenon_test::to_float>)
