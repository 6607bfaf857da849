// Products of 8 bits for sm_89, as launch functions start them.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "nvidia_kernel.hpp"
#include "products_problems.hpp"

namespace {

using kernels = tenon_test::product_kernels<tenon::words_of<tenon::sm89>, tenon::atoms::sm80::leaf>;

}  // namespace

TENON_TEST_KERNELS_SM89(TENON_TEST_KERNEL)
