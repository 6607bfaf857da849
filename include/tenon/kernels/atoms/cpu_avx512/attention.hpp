#pragma once
// The leaf of attention on AVX-512: one instruction, or a few, per function. Micro tiles of 8 rows x 2 vectors.

#include <cstdint>

#include <tenon/kernels/atoms/x86_intrinsics.hpp>

#include <tenon/kernels/atoms/cpu/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct avx512_attention_leaf {
  using vector = __m512;
  static constexpr int lanes = 16, rows = 8, vectors = 2;
  static constexpr __mmask16 every = 0xffff;  // g++ 12 warns about its own headers at the unmasked forms; the code is the same

  TENON_INLINE static vector load(const float* at) { return _mm512_loadu_ps(at); }
  TENON_INLINE static void store(float* at, vector x) { _mm512_storeu_ps(at, x); }
  TENON_INLINE static vector fill(float x) { return _mm512_set1_ps(x); }
  TENON_INLINE static vector fma(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }
  TENON_INLINE static vector multiply(vector a, vector b) { return _mm512_mul_ps(a, b); }
  TENON_INLINE static vector add(vector a, vector b) { return _mm512_add_ps(a, b); }
  TENON_INLINE static vector highest(vector a, vector b) { return _mm512_maskz_max_ps(every, a, b); }  // NaN in b stays
  TENON_INLINE static float sum_of(vector x) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_maskz_extractf32x8_ps(0xff, x, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }
  TENON_INLINE static float highest_of(vector x) {
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_maskz_extractf32x8_ps(0xff, x, 1));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
  }

  /// 2^x to 1 ulp; 0 for -inf, NaN stays.
  TENON_INLINE static vector exp2(vector x) {
    x = _mm512_maskz_max_ps(every, _mm512_set1_ps(-151.0f), x);  // NaN in x stays
    const vector n = _mm512_maskz_roundscale_ps(every, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), f = _mm512_sub_ps(x, n);
    vector p = fill(exp2_coefficients[5]);
#pragma GCC unroll 5
    for (int i = 4; i >= 0; --i) p = fma(p, f, fill(exp2_coefficients[i]));
    p = fma(p, f, fill(1.0f));
    return _mm512_maskz_scalef_ps(every, p, n);
  }

  TENON_INLINE static void widen(const bf16* from, vector& firsts, vector& seconds) {
    const __m512i pairs = _mm512_loadu_si512(from);
    firsts = _mm512_castsi512_ps(_mm512_maskz_slli_epi32(every, pairs, 16));
    seconds = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  TENON_INLINE static void widen(const f16* from, vector& firsts, vector& seconds) {
    const __m512i pairs = _mm512_loadu_si512(from);
    firsts = _mm512_maskz_cvtph_ps(every, _mm512_maskz_cvtepi32_epi16(every, pairs));
    seconds = _mm512_maskz_cvtph_ps(every, _mm512_maskz_cvtepi32_epi16(every, _mm512_maskz_srli_epi32(every, pairs, 16)));
  }

  TENON_INLINE static vector widen(const std::int8_t* from) {
    return _mm512_maskz_cvtepi32_ps(every, _mm512_maskz_cvtepi8_epi32(every, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
  }
  static constexpr float e4m3_step = 256;  // e4m3 has the bits of a half with a smaller exponent bias
  TENON_INLINE static vector widen(const e4m3* from) {
    const __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    const __m256i half = _mm256_and_si256(_mm256_slli_epi16(x, 7), _mm256_set1_epi16(static_cast<short>(0xbf80)));
    return _mm512_maskz_cvtph_ps(every, half);
  }
};

using avx512_attention = attention_words<avx512_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
