#pragma once
// The gradients of attention on cpu_scalar: the words of all processors over its leaf.

#include <tenon/kernels/atoms/cpu/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_scalar/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

using scalar_attention_backward = attention_backward_words<scalar_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
