// The kernels of what a score learns for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "attention_backward_learned_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using learned = tenon_test::learned_kernels<tenon::atoms::sm80::leaf, tenon::words_of<tenon::sm80>>;

}  // namespace

TENON_TEST_LEARNED_KERNELS(TENON_TEST_KERNEL)
