// Products of 8 bits for sm_90a, as launch functions start them.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "products_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using kernels = tenon_test::product_kernels<tenon::words_of<tenon::sm90a>, tenon::atoms::sm90a::leaf>;
using tiles_of_maps = tenon::matmul_tensor_body<tenon::atoms::sm90a::leaf, kernels::words<tenon::e4m3>, tenon::device_product<tenon::e4m3>>;
using opened_of_maps = tenon::matmul_tensor_body<tenon::atoms::sm90a::leaf, kernels::words<tenon::e4m3>, tenon::quantised_product<tenon::e4m3, tenon::swiglu>>;

}  // namespace

TENON_TEST_KERNELS_SM90A(TENON_TEST_KERNEL)
