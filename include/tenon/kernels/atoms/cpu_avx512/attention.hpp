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

  /// In stretches of 2 Width lanes, the first (Part 0) or second halves of a and b, side by side.
  template <int Width, int Part>
  TENON_INLINE static vector folds(vector a, vector b) {
    if constexpr (Width == 8) return _mm512_maskz_shuffle_f32x4(every, a, b, Part == 0 ? 0x44 : 0xee);
    if constexpr (Width == 4) return _mm512_maskz_shuffle_f32x4(every, a, b, Part == 0 ? 0x88 : 0xdd);
    if constexpr (Width == 2 && Part == 0) return _mm512_castpd_ps(_mm512_maskz_unpacklo_pd(0xff, _mm512_castps_pd(a), _mm512_castps_pd(b)));
    if constexpr (Width == 2 && Part == 1) return _mm512_castpd_ps(_mm512_maskz_unpackhi_pd(0xff, _mm512_castps_pd(a), _mm512_castps_pd(b)));
    if constexpr (Width == 1) return _mm512_maskz_shuffle_ps(every, a, b, Part == 0 ? 0x88 : 0xdd);
  }

  /// 2^x to 1 ulp; 0 below 2^-126, NaN stays. The power of two is added to the exponent: vscalefps takes twice as long as the rest
  /// of its kind, and a NaN rounds to an integer whose low bits are 0.
  TENON_INLINE static vector exp2(vector x) { return exp2(x, exp2_coefficients); }
  /// The same to 3e-6, for weights that become bf16.
  TENON_INLINE static vector rough_exp2(vector x) {
    constexpr float coefficients[] = {0.6931241934f, 0.2402409861f, 0.05590642468f, 0.009582853038f};
    return exp2(x, coefficients);
  }
  template <int Count>
  TENON_INLINE static vector exp2(vector x, const float (&coefficients)[Count]) {
    const __mmask16 normal = _mm512_cmp_ps_mask(x, fill(-126.0f), _CMP_NLT_UQ);
    const __m512i n = _mm512_maskz_cvtps_epi32(every, x);
    const vector f = _mm512_sub_ps(x, _mm512_maskz_cvtepi32_ps(every, n));
    vector p = fill(coefficients[Count - 1]);
#pragma GCC unroll 5
    for (int i = Count - 2; i >= 0; --i) p = fma(p, f, fill(coefficients[i]));
    p = fma(p, f, fill(1.0f));
    return _mm512_castsi512_ps(_mm512_maskz_add_epi32(normal, _mm512_castps_si512(p), _mm512_maskz_slli_epi32(every, n, 23)));
  }

#if defined(__AVX512VNNI__) && defined(__AVX512BF16__) && defined(__AVX512VBMI__) && !(defined(__AMX_INT8__) && defined(__AMX_BF16__))  // as TENON_ISA tells them apart
  /// vdpbf16ps does twice the work of a multiply-add on Zen 4 and Zen 5, and half of it on processors that have AMX (Sapphire Rapids).
  static constexpr bool bf16_pairs = true;
  TENON_INLINE static vector load_pairs(const bf16* at) { return _mm512_loadu_ps(at); }
  TENON_INLINE static vector dot(vector a, vector b, vector c) { return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b)); }
  TENON_INLINE static vector rounded_pairs(vector first, vector second) { return _mm512_castsi512_ps(reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first))); }
  /// The pairs of first[i] and second[i].
  TENON_INLINE static vector paired(vector first, vector second) {
    const __m512i apart = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(0xffffffffu, apart, _mm512_castps_si512(rounded_pairs(first, second))));
  }
  template <class Byte>
  TENON_INLINE static vector widen_pairs(const Byte* firsts, const Byte* seconds) {  // both are bf16 already: their low halves are 0
    const __m512i low = _mm512_maskz_srli_epi32(every, _mm512_castps_si512(widen(firsts)), 16);
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_castps_si512(widen(seconds))));
  }
  /// The same of four rows of 16, one after the other: rows 0 and 1, rows 2 and 3.
  template <class Byte>
  TENON_INLINE static void widen_rows(const Byte* from, vector (&pairs)[2]) {
    const bf16_bytes x = look_up<Byte>(_mm512_loadu_si512(from));
    const __m512i lane = _mm512_maskz_mullo_epi32(every, _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(0x01010101));
    pairs[0] = _mm512_castsi512_ps(_mm512_permutex2var_epi8(x.low, _mm512_add_epi32(lane, _mm512_set1_epi32(0x50104000)), x.high));
    pairs[1] = _mm512_castsi512_ps(_mm512_permutex2var_epi8(x.low, _mm512_add_epi32(lane, _mm512_set1_epi32(0x70306020)), x.high));
  }
  /// The same of two rows of 64.
  template <class Byte>
  TENON_INLINE static void widen_columns(const Byte* firsts, const Byte* seconds, vector (&pairs)[4]) {
    // Columns 16 k + 4 l + i to byte 4 k + i of the vector's part l, which unpacking takes apart again.
    const __m512i fours = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    const auto row = [&](const Byte* at) TENON_LAMBDA { return look_up<Byte>(_mm512_maskz_permutexvar_epi32(every, fours, _mm512_loadu_si512(at))); };
    const bf16_bytes x = row(firsts), y = row(seconds);
    const __m512i x_left = _mm512_unpacklo_epi8(x.low, x.high), x_right = _mm512_unpackhi_epi8(x.low, x.high);
    const __m512i y_left = _mm512_unpacklo_epi8(y.low, y.high), y_right = _mm512_unpackhi_epi8(y.low, y.high);
    pairs[0] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(x_left, y_left)), pairs[1] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(x_left, y_left));
    pairs[2] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(x_right, y_right)), pairs[3] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(x_right, y_right));
  }
  TENON_INLINE static vector keep_pairs(vector x, bool first, bool second) {
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(static_cast<int>((first ? 0xffffu : 0u) | (second ? 0xffff0000u : 0u)))));
  }

 private:
  // 64 bytes as bf16, the lower and the higher byte of each.
  struct bf16_bytes {
    __m512i low, high;
  };
  // The bytes of the magnitudes 0 to 127, as `widen` has them.
  struct magnitudes {
    alignas(64) std::uint8_t low[128], high[128];
  };
  template <class Byte>
  static constexpr magnitudes magnitudes_of = [] {
    magnitudes all{};
    for (int i = 0; i < 128; ++i) {
      float value = static_cast<float>(i);
      if constexpr (sizeof(Byte) == 1 && !std::is_same_v<Byte, std::int8_t>) {  // e4m3, over e4m3_step
        value = static_cast<float>(i < 8 ? i : 8 + i % 8) / 0x1p17f;
        for (int e = 1; e < i / 8; ++e) value *= 2;
      }
      const auto bits = __builtin_bit_cast(std::uint32_t, value);
      all.low[i] = static_cast<std::uint8_t>(bits >> 16), all.high[i] = static_cast<std::uint8_t>(bits >> 24);
    }
    return all;
  }();
  template <class Byte>
  TENON_INLINE static bf16_bytes look_up(__m512i x) {
    constexpr const magnitudes& all = magnitudes_of<Byte>;
    const auto half = [](const std::uint8_t* at) TENON_LAMBDA { return _mm512_load_si512(at); };
    const __m512i magnitude = std::is_same_v<Byte, std::int8_t> ? _mm512_abs_epi8(x) : x;  // of which a look-up takes the lower 7 bits
    const __m512i low = _mm512_permutex2var_epi8(half(all.low), magnitude, half(all.low + 64)), high = _mm512_permutex2var_epi8(half(all.high), magnitude, half(all.high + 64));
    return {low, _mm512_ternarylogic_epi32(high, x, _mm512_set1_epi8(static_cast<char>(0x80)), 0xf8)};  // the sign: high | (x & 0x80)
  }

 public:
#else
  static constexpr bool bf16_pairs = false;
#endif

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
