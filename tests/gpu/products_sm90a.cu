// Products of 8 bits for sm_90a, as launch functions start them.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "nvidia_kernel.hpp"
#include "products_problems.hpp"

namespace {

using kernels = tenon_test::product_kernels<tenon::words_of<tenon::sm90a>, tenon::atoms::sm90a::leaf>;
template <class Problem>
using of_maps = tenon::matmul_tensor_body<tenon::atoms::sm90a::leaf, kernels::words<tenon::e4m3, tenon::problem_matrices<Problem>>, Problem>;
using tiles_of_maps = of_maps<tenon::device_product<tenon::e4m3>>;
using gated_of_maps = of_maps<tenon::gated_product<tenon::e4m3, float, tenon::swiglu>>;
using opened_of_maps = of_maps<tenon::gated_product<tenon::e4m3, tenon::e4m3, tenon::swiglu>>;

}  // namespace

TENON_TEST_KERNELS_SM90A(TENON_TEST_KERNEL)
