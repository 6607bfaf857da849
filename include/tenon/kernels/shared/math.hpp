#pragma once
// 2^x for kernels. Scalar code takes core's; a leaf with vectors evaluates the same polynomial on them.

#include <tenon/core/math.hpp>

TENON_KERNELS_BEGIN

inline constexpr float log2_e = 1.44269504088896341f, ln_2 = 0.69314718055994531f;

/// 2^f = 1 + f (c0 + f (c1 + ...)) for |f| <= 1/2, to 1 ulp: the coefficients of core's exp2.
inline constexpr float exp2_coefficients[] = {0.6931472054f, 0.2402265134f, 0.05550328876f, 0.009618004658f, 0.001339996011f, 0.0001547612524f};

TENON_KERNELS_END
