#pragma once
// The machine cpu_scalar: its words for products, for attention and for its gradients, under one name.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu/linear_attention.hpp>
#include <tenon/kernels/atoms/cpu_scalar/attention.hpp>
#include <tenon/kernels/atoms/cpu_scalar/attention_backward.hpp>
#include <tenon/kernels/atoms/cpu_scalar/matmul.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct cpu_scalar {
  using product = scalar_product;
  using attention = scalar_attention;
  using attention_backward = scalar_attention_backward;
  using linear_attention = linear_attention_words<scalar_attention_leaf>;
  using growing_chunk = growing_chunk_words<scalar_attention_leaf>;
};

}  // namespace atoms
TENON_KERNELS_END
