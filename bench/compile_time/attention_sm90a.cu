// One variant of attention, for sm_90a.
#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>

#include "attention_variant.hpp"

using leaf = tenon::atoms::sm90a::leaf;
using words = tenon::sm90a_attention<leaf, variant>;
__global__ void __launch_bounds__(words::threads, 1) kernel(const __grid_constant__ tenon::attention_tensor_arguments<variant> a) { tenon::attention_tensor_kernel<tenon::overlapped, leaf, words>(a); }
