#pragma once
// The machine cpu_avx512: its words for products, for attention and for its gradients, under one name.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu/linear_attention.hpp>
#include <tenon/kernels/atoms/cpu_avx512/attention.hpp>
#include <tenon/kernels/atoms/cpu_avx512/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_avx512/matmul.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct cpu_avx512 {
  using product = avx512_product;
  using attention = avx512_attention;
  using attention_backward = avx512_attention_backward;
  using linear_attention = linear_attention_words<avx512_attention_leaf>;
  using growing_chunk = growing_chunk_words<avx512_attention_leaf>;
};

}  // namespace atoms
TENON_KERNELS_END
