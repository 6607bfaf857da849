// The kernels of products for those AMD GPUs that multiply e4m3: gfx942, whose own fp8 is another, and gfx1201.

#include "matmul_kernel.hpp"

TENON_TEST_KERNEL(of_e4m3)
