#pragma once
// Products on cpu_avx512: the shared words over 512-bit registers.

#include <tenon/kernels/atoms/cpu_avx512/leaf.hpp>
#include <tenon/kernels/shared/product_words.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

// 24 float accumulators (8 x 3) and 4 x 3 + 4 x 3 byte ones leave registers for the operands.
using avx512_product = product_words<avx512_leaf, product_shape{.float_rows = 8, .float_panels = 3, .byte_rows = 4, .byte_panels = 3}>;

}  // namespace atoms
TENON_KERNELS_END
