#pragma once
// Products on cpu_scalar: the shared words over plain C++.

#include <tenon/kernels/atoms/cpu_scalar/leaf.hpp>
#include <tenon/kernels/shared/product_words.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

using scalar_product = product_words<scalar_leaf, product_shape{.float_rows = 4, .float_panels = 1, .byte_rows = 2, .byte_panels = 1}>;

}  // namespace atoms
TENON_KERNELS_END
