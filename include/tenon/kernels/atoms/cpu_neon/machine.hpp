#pragma once
// The machine cpu_neon: its words for products, for attention and for its gradients, under one name.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu/linear_attention.hpp>
#include <tenon/kernels/atoms/cpu_neon/attention.hpp>
#include <tenon/kernels/atoms/cpu_neon/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_neon/matmul.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct cpu_neon {
  using product = neon_product;
  using attention = neon_attention;
  using attention_backward = neon_attention_backward;
  using linear_attention = linear_attention_words<neon_attention_leaf>;
  using growing_chunk = growing_chunk_words<neon_attention_leaf>;
};

}  // namespace atoms
TENON_KERNELS_END
