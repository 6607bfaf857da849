// Products of f16 for sm_75, as launch functions start them.

#include <tenon/kernels/atoms/sm75/leaf.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>

#include "products_problems.hpp"

namespace {

using kernels = tenon_test::product_kernels<tenon::words_of<tenon::sm75>, tenon::atoms::sm75::leaf>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __global__ void __launch_bounds__(body::threads, 1) name(const __grid_constant__ body thread) { thread(); }

TENON_TEST_KERNELS_SM75(TENON_TEST_KERNEL)
