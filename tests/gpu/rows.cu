// What models do row by row on NVIDIA GPUs, as kernels that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>

#include "rows_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using kernels = tenon_test::row_kernels<tenon::atoms::sm80::leaf>;

}  // namespace

TENON_TEST_KERNELS(TENON_TEST_KERNEL)
