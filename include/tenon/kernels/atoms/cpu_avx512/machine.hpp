#pragma once
// The machine cpu_avx512: its words for products and for attention, under one name.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu_avx512/attention.hpp>
#include <tenon/kernels/atoms/cpu_avx512/matmul.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct cpu_avx512 {
  using product = avx512_product;
  using attention = avx512_attention;
};

}  // namespace atoms
TENON_KERNELS_END
