#pragma once
// The gradients of attention on cpu_neon: the words of all processors over its leaf.

#include <tenon/kernels/atoms/cpu/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_neon/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

using neon_attention_backward = attention_backward_words<neon_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
