// One variant of attention, for sm_80 and what comes after it.
#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>

#include "attention_variant.hpp"

using words = tenon::nvidia_attention<tenon::atoms::sm80::leaf, variant>;
__global__ void __launch_bounds__(words::threads, 1) kernel(const __grid_constant__ tenon::attention_arguments<variant> a) { tenon::attention_kernel<tenon::atoms::sm80::leaf, words>(a); }
