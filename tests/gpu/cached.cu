// Attention over a cache on NVIDIA GPUs, as kernels that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "cached_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using kernels = tenon_test::cached_kernels<tenon::atoms::sm80::leaf, tenon::words_of<tenon::sm80>>;

}  // namespace

TENON_TEST_KERNEL(round_rows, kernels::round)
TENON_TEST_GATHERED_KERNELS(TENON_TEST_KERNEL)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, 64)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, 128)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_KERNEL, 64)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_KERNEL, 128)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, paged)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_KERNEL, paged)
