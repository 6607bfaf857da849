// Products of e4m3, which sm_89 adds to those of sm_80.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "matmul_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using leaf = tenon::atoms::sm80::leaf;
template <class Problem>
using product = tenon::matmul_body<leaf, tenon::nvidia_matmul<leaf, tenon::problem_number<Problem>>, Problem>;

}  // namespace

TENON_TEST_KERNEL(matmul_of_e4m3, product<tenon_test::of_e4m3>)
