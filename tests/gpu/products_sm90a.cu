// Products of 8 bits for sm_90a, as launch functions start them.

#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "products_problems.hpp"

namespace {

using kernels = tenon_test::product_kernels<tenon::words_of<tenon::sm90a>, tenon::atoms::sm90a::leaf>;
using tiles_of_maps = tenon::matmul_tensor_body<tenon::atoms::sm90a::leaf, kernels::words<tenon::e4m3>, tenon::device_product<tenon::e4m3>>;
using opened_of_maps = tenon::matmul_tensor_body<tenon::atoms::sm90a::leaf, kernels::words<tenon::e4m3>, tenon::quantised_product<tenon::e4m3, tenon::swiglu>>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __global__ void __launch_bounds__(body::threads, 1) name(const __grid_constant__ body thread) { thread(); }

TENON_TEST_KERNELS_SM90A(TENON_TEST_KERNEL)
