#pragma once
// The machine cpu_avx2: its words for products, for attention and for its gradients, under one name.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu/linear_attention.hpp>
#include <tenon/kernels/atoms/cpu_avx2/attention.hpp>
#include <tenon/kernels/atoms/cpu_avx2/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_avx2/matmul.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct cpu_avx2 {
  using product = avx2_product;
  using attention = avx2_attention;
  using attention_backward = avx2_attention_backward;
  using linear_attention = linear_attention_words<avx2_attention_leaf>;
  using growing_chunk = growing_chunk_words<avx2_attention_leaf>;
};

}  // namespace atoms
TENON_KERNELS_END
