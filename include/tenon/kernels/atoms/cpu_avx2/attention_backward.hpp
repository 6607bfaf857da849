#pragma once
// The gradients of attention on cpu_avx2: the words of all processors over its leaf.

#include <tenon/kernels/atoms/cpu/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_avx2/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

using avx2_attention_backward = attention_backward_words<avx2_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
