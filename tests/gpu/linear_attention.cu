// The kernels of linear attention for NVIDIA GPUs that the tests compile, and run as PTX.

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

#include "linear_attention_problems.hpp"
#include "nvidia_kernel.hpp"

namespace {

using kernels = tenon_test::linear_kernels<tenon::atoms::sm80::leaf, tenon::words_of<tenon::sm80>>;

}  // namespace

TENON_TEST_KERNELS(TENON_TEST_KERNEL)
