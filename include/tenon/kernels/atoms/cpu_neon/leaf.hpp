#pragma once
// The raw operations of products in NEON (aarch64): sixteen lanes are four registers. Byte dots are one instruction where the
// translation unit has dotprod or i8mm. Meanings: atoms/cpu_scalar/leaf.hpp.

#include <cstdint>

#include <arm_neon.h>

#include <tenon/core/config.hpp>
#include <tenon/kernels/shared/unroll.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct neon_leaf {
  struct tiles {
    static constexpr bool present = false;
  };
  struct floats {
    float32x4_t at[4];
  };
  struct ints {
    int32x4_t at[4];
  };
  struct bytes {
    uint8x16_t at[4];
  };

  TENON_INLINE static floats zero() { return broadcast(0.0f); }
  TENON_INLINE static floats broadcast(float x) {
    const float32x4_t all = vdupq_n_f32(x);
    return {{all, all, all, all}};
  }
  TENON_INLINE static floats load(const float* from) {
    return each<floats>([&](int i) TENON_LAMBDA { return vld1q_f32(from + 4 * i); });
  }
  TENON_INLINE static void store(float* to, const floats& x) {
    unroll<4>([&](auto i) TENON_LAMBDA { vst1q_f32(to + 4 * i, x.at[i]); });
  }
  TENON_INLINE static floats mul(const floats& a, const floats& b) {
    return each<floats>([&](int i) TENON_LAMBDA { return vmulq_f32(a.at[i], b.at[i]); });
  }
  TENON_INLINE static floats fma(const floats& a, const floats& b, const floats& c) {
    return each<floats>([&](int i) TENON_LAMBDA { return vfmaq_f32(c.at[i], a.at[i], b.at[i]); });
  }

  TENON_INLINE static floats from_f16(const void* from) {
    const auto* x = static_cast<const std::uint16_t*>(from);
    return each<floats>([&](int i) TENON_LAMBDA { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + 4 * i))); });
  }
  // e4m3 has the bits of a half with a smaller exponent bias: widen, then undo 2^-8. Exact, subnormals too.
  TENON_INLINE static floats from_e4m3(const void* from) {
    const auto* x = static_cast<const std::uint8_t*>(from);
    const uint16x8_t wide[2] = {vmovl_u8(vld1_u8(x)), vmovl_u8(vld1_u8(x + 8))};
    return each<floats>([&](int i) TENON_LAMBDA {
      const uint16x4_t part = i % 2 == 0 ? vget_low_u16(wide[i / 2]) : vget_high_u16(wide[i / 2]);
      const uint16x4_t half = vorr_u16(vshl_n_u16(vand_u16(part, vdup_n_u16(0x80)), 8), vshl_n_u16(vand_u16(part, vdup_n_u16(0x7f)), 7));
      return vmulq_n_f32(vcvt_f32_f16(vreinterpret_f16_u16(half)), 256.0f);
    });
  }
  TENON_INLINE static floats from_i8(const void* from) {
    const auto* x = static_cast<const std::int8_t*>(from);
    const int16x8_t wide[2] = {vmovl_s8(vld1_s8(x)), vmovl_s8(vld1_s8(x + 8))};
    return each<floats>(
        [&](int i) TENON_LAMBDA { return vcvtq_f32_s32(vmovl_s16(i % 2 == 0 ? vget_low_s16(wide[i / 2]) : vget_high_s16(wide[i / 2]))); });
  }
  TENON_INLINE static floats from_u8(const void* from) {
    const auto* x = static_cast<const std::uint8_t*>(from);
    const uint16x8_t wide[2] = {vmovl_u8(vld1_u8(x)), vmovl_u8(vld1_u8(x + 8))};
    return each<floats>(
        [&](int i) TENON_LAMBDA { return vcvtq_f32_u32(vmovl_u16(i % 2 == 0 ? vget_low_u16(wide[i / 2]) : vget_high_u16(wide[i / 2]))); });
  }

  TENON_INLINE static bytes load_bytes(const void* from) {
    return each<bytes>([&](int i) TENON_LAMBDA { return vld1q_u8(static_cast<const std::uint8_t*>(from) + 16 * i); });
  }
  TENON_INLINE static void store_bytes(void* to, const bytes& x) {
    unroll<4>([&](auto i) TENON_LAMBDA { vst1q_u8(static_cast<std::uint8_t*>(to) + 16 * i, x.at[i]); });
  }
  template <int Shift, int Mask>
  TENON_INLINE static bytes take(const bytes& x) {
    return each<bytes>([&](int i) TENON_LAMBDA {
      uint8x16_t part = x.at[i];
      if constexpr (Shift > 0) part = vshrq_n_u8(part, Shift);
      if constexpr (Shift < 0) part = vshlq_n_u8(part, -Shift);
      return vandq_u8(part, vdupq_n_u8(Mask));
    });
  }
  TENON_INLINE static bytes either(const bytes& a, const bytes& b) {
    return each<bytes>([&](int i) TENON_LAMBDA { return vorrq_u8(a.at[i], b.at[i]); });
  }
  template <int Which>
  TENON_INLINE static floats byte_as_float(const bytes& x) {
    return each<floats>([&](int i) TENON_LAMBDA {
      uint32x4_t quads = vreinterpretq_u32_u8(x.at[i]);
      if constexpr (Which > 0) quads = vshrq_n_u32(quads, 8 * Which);
      return vcvtq_f32_u32(vandq_u32(quads, vdupq_n_u32(255)));
    });
  }
  template <int Which>
  TENON_INLINE static floats half_as_float(const bytes& x) {
    return each<floats>([&](int i) TENON_LAMBDA { return upper<Which>(vreinterpretq_u32_u8(x.at[i])); });
  }
  template <int Which>
  TENON_INLINE static floats half_as_float(const ints& x) {
    return each<floats>([&](int i) TENON_LAMBDA { return upper<Which>(vreinterpretq_u32_s32(x.at[i])); });
  }

  static constexpr bool bf16_dot = false;
  TENON_INLINE static void store_bf16(std::uint16_t* to, const floats& x) {
    unroll<4>([&](auto i) TENON_LAMBDA { vst1_u16(to + 4 * i, vshrn_n_u32(rounded(x.at[i]), 16)); });
  }
  TENON_INLINE static bytes pair_bf16(const floats& even, const floats& odd) {
    return each<bytes>([&](int i) TENON_LAMBDA { return vreinterpretq_u8_u32(vsriq_n_u32(rounded(odd.at[i]), rounded(even.at[i]), 16)); });
  }

  TENON_INLINE static ints zero_ints() {
    const int32x4_t all = vdupq_n_s32(0);
    return {{all, all, all, all}};
  }
  TENON_INLINE static ints broadcast_int(const void* from) {
    std::int32_t x;
    __builtin_memcpy(&x, from, sizeof x);
    const int32x4_t all = vdupq_n_s32(x);
    return {{all, all, all, all}};
  }
  template <int Largest>
  TENON_INLINE static ints dot(const ints& sum, const bytes& w, const ints& x) {
    return each<ints>([&](int i) TENON_LAMBDA { return dot<Largest>(sum.at[i], w.at[i], vreinterpretq_s8_s32(x.at[i])); });
  }
  TENON_INLINE static floats to_floats(const ints& x) {
    return each<floats>([&](int i) TENON_LAMBDA { return vcvtq_f32_s32(x.at[i]); });
  }

  TENON_INLINE static std::uint32_t peak_bits(const floats& a, const floats& b) {
    uint32x4_t peak = vdupq_n_u32(0);
    unroll<4>([&](auto i) TENON_LAMBDA {
      const uint32x4_t mask = vdupq_n_u32(0x7fffffff);
      peak = vmaxq_u32(peak, vmaxq_u32(vandq_u32(vreinterpretq_u32_f32(a.at[i]), mask), vandq_u32(vreinterpretq_u32_f32(b.at[i]), mask)));
    });
    return vmaxvq_u32(peak);
  }
  TENON_INLINE static ints round(const floats& x) {
    return each<ints>([&](int i) TENON_LAMBDA { return vcvtnq_s32_f32(x.at[i]); });
  }
  TENON_INLINE static ints over_128(const ints& x) {
    return each<ints>([&](int i) TENON_LAMBDA { return vrshrq_n_s32(x.at[i], 7); });
  }
  TENON_INLINE static ints less_128_times(const ints& x, const ints& high) {
    return each<ints>([&](int i) TENON_LAMBDA { return vmlsq_n_s32(x.at[i], high.at[i], 128); });
  }
  TENON_INLINE static ints plus_128_times(const ints& x, const ints& high) {
    return each<ints>([&](int i) TENON_LAMBDA { return vmlaq_n_s32(x.at[i], high.at[i], 128); });
  }
  TENON_INLINE static void store_narrow(std::int8_t* to, const ints& x) {
    const int16x8_t low = vcombine_s16(vmovn_s32(x.at[0]), vmovn_s32(x.at[1])), high = vcombine_s16(vmovn_s32(x.at[2]), vmovn_s32(x.at[3]));
    vst1q_s8(to, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  }
  TENON_INLINE static std::int32_t sum(const ints& x) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(x.at[0], x.at[1]), vaddq_s32(x.at[2], x.at[3])));
  }

 private:
  template <class T, class F>
  TENON_INLINE static T each(F&& f) {
    return {{f(0), f(1), f(2), f(3)}};
  }
  template <int Which>
  TENON_INLINE static float32x4_t upper(uint32x4_t x) {
    return vreinterpretq_f32_u32(Which == 0 ? vshlq_n_u32(x, 16) : vandq_u32(x, vdupq_n_u32(0xffff0000u)));
  }
  template <int Largest>
  TENON_INLINE static int32x4_t dot(int32x4_t sum, uint8x16_t w, int8x16_t x) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
    return vusdotq_s32(sum, w, x);
#elif defined(__ARM_FEATURE_DOTPROD)
    if constexpr (Largest < 128) return vdotq_s32(sum, vreinterpretq_s8_u8(w), x);
    const int32x4_t offset = vdotq_s32(vdupq_n_s32(0), vdupq_n_s8(-128), x);  // w as signed bytes is w - 128
    return vsubq_s32(vdotq_s32(sum, vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(128))), x), offset);
#else
    const int16x8_t a = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(w))), b = vreinterpretq_s16_u16(vmovl_high_u8(w));
    const int16x8_t p = vmovl_s8(vget_low_s8(x)), q = vmovl_high_s8(x);
    const int32x4_t low = vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(p)), vmull_high_s16(a, p));
    const int32x4_t high = vpaddq_s32(vmull_s16(vget_low_s16(b), vget_low_s16(q)), vmull_high_s16(b, q));
    return vaddq_s32(sum, vpaddq_s32(low, high));
#endif
  }
  // The upper 16 bits of each lane: x rounded to bf16, ties to even; a NaN keeps its upper bits and stays one.
  TENON_INLINE static uint32x4_t rounded(float32x4_t x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    const uint32x4_t up = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1)));
    return vbslq_u32(vceqq_f32(x, x), up, vorrq_u32(bits, vdupq_n_u32(0x400000)));
  }
};

}  // namespace atoms
TENON_KERNELS_END
