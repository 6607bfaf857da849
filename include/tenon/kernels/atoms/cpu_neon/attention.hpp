#pragma once
// The leaf of attention on NEON (AArch64). Micro tiles of 4 rows x 4 vectors.

#include <cstdint>

#include <arm_neon.h>

#include <tenon/kernels/atoms/cpu/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct neon_attention_leaf {
  using vector = float32x4_t;
  static constexpr int lanes = 4, rows = 4, vectors = 4;
  static constexpr bool bf16_pairs = false;  ///< products of bf16 pairs

  TENON_INLINE static vector load(const float* at) { return vld1q_f32(at); }
  TENON_INLINE static void store(float* at, vector x) { vst1q_f32(at, x); }
  TENON_INLINE static vector fill(float x) { return vdupq_n_f32(x); }
  TENON_INLINE static vector fma(vector a, vector b, vector c) { return vfmaq_f32(c, a, b); }
  TENON_INLINE static vector multiply(vector a, vector b) { return vmulq_f32(a, b); }
  TENON_INLINE static vector add(vector a, vector b) { return vaddq_f32(a, b); }
  TENON_INLINE static vector highest(vector a, vector b) { return vmaxq_f32(a, b); }  // NaN stays
  TENON_INLINE static float sum_of(vector x) { return vaddvq_f32(x); }
  TENON_INLINE static float highest_of(vector x) { return vmaxvq_f32(x); }

  /// 2^x to 1 ulp from -126 up, 0 below -126.5; NaN stays.
  TENON_INLINE static vector exp2(vector x) {
    x = vmaxq_f32(x, vdupq_n_f32(-127.0f));  // NaN stays
    x = vminq_f32(x, vdupq_n_f32(128.0f));
    const vector n = vrndnq_f32(x), f = vsubq_f32(x, n);
    vector p = fill(exp2_coefficients[5]);
#pragma GCC unroll 5
    for (int i = 4; i >= 0; --i) p = fma(p, f, fill(exp2_coefficients[i]));
    p = fma(p, f, fill(1.0f));
    const int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23);
    return vmulq_f32(p, vreinterpretq_f32_s32(exponent));
  }

  TENON_INLINE static void widen(const bf16* from, vector& firsts, vector& seconds) {
    const uint32x4_t pairs = vreinterpretq_u32_u16(vld1q_u16(&from->bits));
    firsts = vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16));
    seconds = vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff0000u)));
  }
  TENON_INLINE static void widen(const f16* from, vector& firsts, vector& seconds) {
    const uint16x4x2_t pairs = vld2_u16(&from->bits);
    firsts = vcvt_f32_f16(vreinterpret_f16_u16(pairs.val[0]));
    seconds = vcvt_f32_f16(vreinterpret_f16_u16(pairs.val[1]));
  }

  TENON_INLINE static vector widen(const std::int8_t* from) {
    return vcvtq_f32_s32(vmovl_s16(four(from)));
  }
  static constexpr float e4m3_step = 256;  // e4m3 has the bits of a half with a smaller exponent bias
  TENON_INLINE static vector widen(const e4m3* from) {
    const uint16x4_t x = vreinterpret_u16_s16(four(from));
    return vcvt_f32_f16(vreinterpret_f16_u16(vand_u16(vshl_n_u16(x, 7), vdup_n_u16(0xbf80))));
  }

 private:
  TENON_INLINE static int16x4_t four(const void* from) {  // signed bytes
    std::int32_t bytes;
    __builtin_memcpy(&bytes, from, sizeof bytes);
    return vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(bytes))));
  }
};

using neon_attention = attention_words<neon_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
