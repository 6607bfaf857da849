#pragma once
// The machine cpu_avx2: its words for products and for attention, under one name.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu_avx2/attention.hpp>
#include <tenon/kernels/atoms/cpu_avx2/matmul.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct cpu_avx2 {
  using product = avx2_product;
  using attention = avx2_attention;
};

}  // namespace atoms
TENON_KERNELS_END
