#pragma once
// The raw operations of products in AVX-512: one instruction per function, or the shortest sequence that has its meaning.
// Meanings: atoms/cpu_scalar/leaf.hpp.

#include <cstdint>

#include <tenon/kernels/atoms/x86_intrinsics.hpp>

#include <tenon/core/config.hpp>
#include <tenon/kernels/atoms/cpu_avx512/tiles.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct avx512_leaf {
  using tiles = amx_tiles;
  // Full masks, for instructions whose unmasked intrinsic starts from an undefined value that g++ 12 warns of.
  static constexpr __mmask16 all = 0xffff;
  using floats = __m512;
  using ints = __m512i;
  using bytes = __m512i;

  TENON_INLINE static floats zero() { return _mm512_setzero_ps(); }
  TENON_INLINE static floats broadcast(float x) { return _mm512_set1_ps(x); }
  TENON_INLINE static floats load(const float* from) { return _mm512_loadu_ps(from); }
  TENON_INLINE static void store(float* to, floats x) { _mm512_storeu_ps(to, x); }
  TENON_INLINE static floats mul(floats a, floats b) { return _mm512_mul_ps(a, b); }
  TENON_INLINE static floats fma(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }

  TENON_INLINE static floats from_f16(const void* from) {
    return _mm512_maskz_cvtph_ps(all, _mm256_loadu_si256(static_cast<const __m256i*>(from)));
  }
  // e4m3 has the bits of a half with a smaller exponent bias: widen, then undo 2^-8. Exact, subnormals too.
  TENON_INLINE static floats from_e4m3(const void* from) {
    const __m256i x = _mm256_cvtepu8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(from)));
    const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0x80)), 8);
    const __m256i rest = _mm256_slli_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0x7f)), 7);
    return _mm512_mul_ps(_mm512_maskz_cvtph_ps(all, _mm256_or_si256(sign, rest)), _mm512_set1_ps(256.0f));
  }
  TENON_INLINE static floats from_i8(const void* from) {
    return _mm512_maskz_cvtepi32_ps(all, _mm512_maskz_cvtepi8_epi32(all, _mm_loadu_si128(static_cast<const __m128i*>(from))));
  }
  TENON_INLINE static floats from_u8(const void* from) {
    return _mm512_maskz_cvtepi32_ps(all, _mm512_maskz_cvtepu8_epi32(all, _mm_loadu_si128(static_cast<const __m128i*>(from))));
  }

  TENON_INLINE static bytes load_bytes(const void* from) { return _mm512_loadu_si512(from); }
  TENON_INLINE static void store_bytes(void* to, bytes x) { _mm512_storeu_si512(to, x); }
  template <int Shift, int Mask>
  TENON_INLINE static bytes take(bytes x) {
    if constexpr (Shift > 0) x = _mm512_srli_epi16(x, Shift);
    if constexpr (Shift < 0) x = _mm512_slli_epi16(x, -Shift);
    return _mm512_and_si512(x, _mm512_set1_epi8(Mask));
  }
  TENON_INLINE static bytes either(bytes a, bytes b) { return _mm512_or_si512(a, b); }
  TENON_INLINE static bytes less(bytes a, int b) { return _mm512_sub_epi8(a, _mm512_set1_epi8(static_cast<char>(b))); }
  template <int Which>
  TENON_INLINE static floats byte_as_float(bytes x) {
    if constexpr (Which > 0) x = _mm512_srli_epi32(x, 8 * Which);
    if constexpr (Which < 3) x = _mm512_and_si512(x, _mm512_set1_epi32(255));
    return _mm512_maskz_cvtepi32_ps(all, x);
  }
  template <int Which>
  TENON_INLINE static floats half_as_float(bytes x) {
    if constexpr (Which == 0) return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
    return _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }

  // bf16.
#if defined(__AVX512BF16__)
  static constexpr bool bf16_dot = true;
  /// sum + low * low + high * high of the bf16 pairs of each lane.
  TENON_INLINE static floats dot_bf16(floats sum, bytes w, ints x) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(w), reinterpret_cast<__m512bh>(x));
  }
  TENON_INLINE static void store_bf16(std::uint16_t* to, floats x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrow(x)); }
  TENON_INLINE static bytes pair_bf16(floats even, floats odd) {
    const __m512i order = _mm512_maskz_add_epi32(all, _mm512_set1_epi32(0x00100000),
                                                 _mm512_setr_epi32(0x00000, 0x10001, 0x20002, 0x30003, 0x40004, 0x50005, 0x60006, 0x70007,
                                                                   0x80008, 0x90009, 0xa000a, 0xb000b, 0xc000c, 0xd000d, 0xe000e, 0xf000f));
    return _mm512_maskz_permutexvar_epi16(~__mmask32{0}, order, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even)));
  }
#else
  static constexpr bool bf16_dot = false;
  TENON_INLINE static void store_bf16(std::uint16_t* to, floats x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_maskz_cvtepi32_epi16(all, _mm512_srli_epi32(rounded(x), 16)));
  }
  TENON_INLINE static bytes pair_bf16(floats even, floats odd) {
    return _mm512_or_si512(_mm512_srli_epi32(rounded(even), 16),
                           _mm512_and_si512(rounded(odd), _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
#endif

  TENON_INLINE static ints zero_ints() { return _mm512_setzero_si512(); }
  TENON_INLINE static ints broadcast_int(const void* from) {
    int x;
    __builtin_memcpy(&x, from, sizeof x);
    return _mm512_set1_epi32(x);
  }
  template <int Largest>
  TENON_INLINE static ints dot(ints sum, bytes w, ints x) {
#if defined(__AVX512VNNI__)
    return _mm512_dpbusd_epi32(sum, w, x);
#else
    if constexpr (2 * Largest * 128 < 32768)  // pairs fit 16 bits
      return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(w, x), _mm512_set1_epi16(1)));
    const __m512i even = _mm512_madd_epi16(_mm512_and_si512(w, _mm512_set1_epi16(255)), _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8));
    const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(w, 8), _mm512_srai_epi16(x, 8));
    return _mm512_add_epi32(sum, _mm512_add_epi32(even, odd));
#endif
  }
  TENON_INLINE static ints load_ints(const std::int32_t* from) { return _mm512_load_si512(from); }
  TENON_INLINE static floats to_floats(ints x) { return _mm512_maskz_cvtepi32_ps(all, x); }

  TENON_INLINE static std::uint32_t peak_bits(floats a, floats b) {
    const __m512i mask = _mm512_set1_epi32(0x7fffffff);
    const __m512i peak =
        _mm512_maskz_max_epu32(all, _mm512_and_si512(_mm512_castps_si512(a), mask), _mm512_and_si512(_mm512_castps_si512(b), mask));
    const __m256i half = _mm256_max_epu32(_mm512_castsi512_si256(peak), upper(peak));
    __m128i x = _mm_max_epu32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    x = _mm_max_epu32(x, _mm_shuffle_epi32(x, 0x4e));
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_max_epu32(x, _mm_shuffle_epi32(x, 0xb1))));
  }
  TENON_INLINE static ints round(floats x) { return _mm512_maskz_cvtps_epi32(all, x); }
  TENON_INLINE static ints over_128(ints x) {
    return _mm512_maskz_srai_epi32(all, _mm512_add_epi32(x, _mm512_set1_epi32(64)), 7);
  }
  TENON_INLINE static ints less_128_times(ints x, ints high) { return _mm512_sub_epi32(x, _mm512_maskz_slli_epi32(all, high, 7)); }
  TENON_INLINE static ints plus_128_times(ints x, ints high) { return _mm512_add_epi32(x, _mm512_maskz_slli_epi32(all, high, 7)); }
  TENON_INLINE static void store_narrow(std::int8_t* to, ints x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_maskz_cvtepi32_epi8(all, x));
  }
  TENON_INLINE static std::int32_t sum(ints x) {
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(x), upper(x));
    __m128i y = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(y, _mm_shuffle_epi32(y, 0xb1)));
  }

 private:
#if defined(__AVX512BF16__)
  TENON_INLINE static __m256i narrow(floats x) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)); }
#else
  // The upper 16 bits of each lane: x rounded to bf16, ties to even; a NaN keeps its upper bits and stays one.
  TENON_INLINE static __m512i rounded(floats x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i up = _mm512_add_epi32(_mm512_set1_epi32(0x7fff), _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1)));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(_mm512_add_epi32(bits, up), nan, bits, _mm512_set1_epi32(0x400000));
  }
#endif
  TENON_INLINE static __m256i upper(__m512i x) { return _mm512_maskz_extracti64x4_epi64(0xff, x, 1); }
};

}  // namespace atoms
TENON_KERNELS_END
