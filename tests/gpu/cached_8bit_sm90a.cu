// The same for sm_90a, in its own kernels.
#include <tenon/kernels/atoms/sm90a/leaf.hpp>

#include "tensor_bodies.hpp"
#define TENON_TEST_BODIES tenon_test::tensor_bodies
#include "cached_8bit.cu"
