#pragma once
// Products on cpu_avx2: the shared words over pairs of 256-bit registers.

#include <tenon/kernels/atoms/cpu_avx2/leaf.hpp>
#include <tenon/kernels/shared/product_words.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

// Sixteen registers: eight accumulators and the operands.
using avx2_product = product_words<avx2_leaf, product_shape{.float_rows = 4, .float_panels = 1, .byte_rows = 4, .byte_panels = 1}>;

}  // namespace atoms
TENON_KERNELS_END
