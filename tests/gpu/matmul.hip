// The kernels of products for AMD GPUs that the tests compile. The simulated machine executes the same words.

#include "matmul_kernel.hpp"

TENON_TEST_KERNEL(to_bf16)
TENON_TEST_KERNEL(to_float)
TENON_TEST_KERNEL(of_f16)
TENON_TEST_KERNEL(of_int8)
