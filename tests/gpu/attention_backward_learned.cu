// The kernels of what a score learns for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "attention_backward_learned_problems.hpp"

namespace {

using learned = tenon_test::learned_kernels<tenon::atoms::sm80::leaf, tenon::words_of<tenon::sm80>>;

}  // namespace

#define TENON_TEST_KERNEL(name, body) \
  extern "C" __global__ void __launch_bounds__(body::threads, 1) name(const __grid_constant__ body thread) { thread(); }

TENON_TEST_LEARNED_KERNELS(TENON_TEST_KERNEL)
