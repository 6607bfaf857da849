// Products of f16 for sm_75, as launch functions start them.

#include <tenon/kernels/atoms/sm75/leaf.hpp>
#include <tenon/kernels/launch/nvidia/sm75.hpp>

#include "nvidia_kernel.hpp"
#include "products_problems.hpp"

namespace {

using kernels = tenon_test::product_kernels<tenon::words_of<tenon::sm75>, tenon::atoms::sm75::leaf>;

}  // namespace

TENON_TEST_KERNELS_SM75(TENON_TEST_KERNEL)
