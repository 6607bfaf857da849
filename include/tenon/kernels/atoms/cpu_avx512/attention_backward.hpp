#pragma once
// The gradients of attention on cpu_avx512: the words of all processors over its leaf.

#include <tenon/kernels/atoms/cpu/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_avx512/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

using avx512_attention_backward = attention_backward_words<avx512_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
