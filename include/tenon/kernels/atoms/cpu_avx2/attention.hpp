#pragma once
// The leaf of attention on AVX2 with FMA. Micro tiles of 6 rows x 2 vectors.

#include <cstdint>

#include <tenon/kernels/atoms/x86_intrinsics.hpp>

#include <tenon/kernels/atoms/cpu/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct avx2_attention_leaf {
  using vector = __m256;
  static constexpr int lanes = 8, rows = 6, vectors = 2;
  static constexpr bool bf16_pairs = false;  ///< products of bf16 pairs

  TENON_INLINE static vector load(const float* at) { return _mm256_loadu_ps(at); }
  TENON_INLINE static void store(float* at, vector x) { _mm256_storeu_ps(at, x); }
  TENON_INLINE static vector fill(float x) { return _mm256_set1_ps(x); }
  TENON_INLINE static vector fma(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
  TENON_INLINE static vector multiply(vector a, vector b) { return _mm256_mul_ps(a, b); }
  TENON_INLINE static vector add(vector a, vector b) { return _mm256_add_ps(a, b); }
  TENON_INLINE static vector highest(vector a, vector b) { return _mm256_max_ps(a, b); }  // NaN in b stays
  TENON_INLINE static float sum_of(vector x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }
  TENON_INLINE static float highest_of(vector x) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
  }

  /// 2^x to 1 ulp from -126 up, 0 below -126.5; NaN stays.
  TENON_INLINE static vector exp2(vector x) {
    x = _mm256_max_ps(_mm256_set1_ps(-127.0f), x);  // NaN in x stays
    x = _mm256_min_ps(_mm256_set1_ps(128.0f), x);
    const vector n = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), f = _mm256_sub_ps(x, n);
    vector p = fill(exp2_coefficients[5]);
#pragma GCC unroll 5
    for (int i = 4; i >= 0; --i) p = fma(p, f, fill(exp2_coefficients[i]));
    p = fma(p, f, fill(1.0f));
    const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(exponent));
  }

  TENON_INLINE static void widen(const bf16* from, vector& firsts, vector& seconds) {
    const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    firsts = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    seconds = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  TENON_INLINE static void widen(const f16* from, vector& firsts, vector& seconds) {
    const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i low = _mm256_and_si256(pairs, _mm256_set1_epi32(0xffff)), high = _mm256_srli_epi32(pairs, 16);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);  // firsts, then seconds
    firsts = _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
    seconds = _mm256_cvtph_ps(_mm256_extracti128_si256(packed, 1));
  }

  TENON_INLINE static vector widen(const std::int8_t* from) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
  }
  static constexpr float e4m3_step = 256;  // e4m3 has the bits of a half with a smaller exponent bias
  TENON_INLINE static vector widen(const e4m3* from) {
    const __m128i x = _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
    return _mm256_cvtph_ps(_mm_and_si128(_mm_slli_epi16(x, 7), _mm_set1_epi16(static_cast<short>(0xbf80))));
  }
};

using avx2_attention = attention_words<avx2_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
