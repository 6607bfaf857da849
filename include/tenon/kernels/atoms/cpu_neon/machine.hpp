#pragma once
// The machine cpu_neon: its words for products and for attention, under one name.

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu_neon/attention.hpp>
#include <tenon/kernels/atoms/cpu_neon/matmul.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct cpu_neon {
  using product = neon_product;
  using attention = neon_attention;
};

}  // namespace atoms
TENON_KERNELS_END
