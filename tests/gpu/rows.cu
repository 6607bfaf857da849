// What models do row by row on NVIDIA GPUs, as kernels that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>

#include "rows_problems.hpp"

namespace {

using kernels = tenon_test::row_kernels<tenon::atoms::sm80::leaf>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __global__ void __launch_bounds__(body::threads) name(const __grid_constant__ body thread) { thread(); }

TENON_TEST_KERNELS(TENON_TEST_KERNEL)
