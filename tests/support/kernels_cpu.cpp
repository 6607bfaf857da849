#define TEST_KERNELS_HERE
#include "kernels.hpp"

TEST_KERNELS(, tenon::cpu);
