#pragma once
// A kernel of a name, of a body, with the bounds that machines launch it with: what the tests compile is what users run.

#include <tenon/kernels/launch/nvidia/launch.hpp>

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __global__ void __launch_bounds__(body::threads, tenon::kernel_detail::blocks_told<body>()) name(const __grid_constant__ body thread) { thread(); }
