#pragma once
// 2^x for kernels: branch-free, so that compilers vectorise it in place.

#include <bit>
#include <cstdint>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN

inline constexpr float log2_e = 1.44269504088896341f, ln_2 = 0.69314718055994531f;

/// 2^x to 2e-7 relative; 0 from x = -126.5 down (so -inf gives 0 exactly), infinite from 127.5 up, NaN stays NaN.
/// Polynomial of Cephes exp2f on [-1/2, 1/2].
TENON_INLINE float exp2_fast(float x) {
  x = x < -127.0f ? -127.0f : x;
  x = x > 128.0f ? 128.0f : x;
  const float magic = x + 12582912.0f;  // 1.5 * 2^23: the integer nearest to x stands in the low bits
  const float f = x - (magic - 12582912.0f);
  float p = 1.535336188319500e-4f;
  p = p * f + 1.339887440266574e-3f;
  p = p * f + 9.618437357674640e-3f;
  p = p * f + 5.550332471162809e-2f;
  p = p * f + 2.402264791363012e-1f;
  p = p * f + 6.931472028550421e-1f;
  p = p * f + 1.0f;
  const std::uint32_t exponent = std::bit_cast<std::uint32_t>(magic) + 127u;  // the upper bits leave with the shift
  return p * std::bit_cast<float>(exponent << 23);
}

TENON_KERNELS_END
