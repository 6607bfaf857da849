#pragma once
// Products on cpu_neon: the shared words over quadruples of 128-bit registers.

#include <tenon/kernels/atoms/cpu_neon/leaf.hpp>
#include <tenon/kernels/shared/product_words.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

// Thirty-two registers: sixteen float accumulators, or eight and eight.
using neon_product = product_words<neon_leaf, product_shape{.float_rows = 4, .float_panels = 1, .byte_rows = 2, .byte_panels = 1}>;

}  // namespace atoms
TENON_KERNELS_END
