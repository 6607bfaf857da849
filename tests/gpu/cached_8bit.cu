// Attention over a cache of 8 bits on NVIDIA GPUs, as kernels that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "cached_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

#if defined(TENON_TEST_BODIES)  // cached_8bit_sm90a.cu
using kernels = tenon_test::cached_kernels<tenon::atoms::sm90a::leaf, tenon::words_of<tenon::sm90a>, TENON_TEST_BODIES>;
#else
using kernels = tenon_test::cached_kernels<tenon::atoms::sm80::leaf, tenon::words_of<tenon::sm80>>;
#endif

}  // namespace

TENON_TEST_KERNEL(round_rows, kernels::round)
TENON_TEST_KERNEL(append_int8, kernels::append<tenon::int8_per_128>)
TENON_TEST_KERNEL(append_e4m3, kernels::append<tenon::e4m3_per_128>)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, int8)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_KERNEL, int8)
TENON_TEST_KERNELS_OF(TENON_TEST_KERNEL, e4m3)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_KERNEL, e4m3)
