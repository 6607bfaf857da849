#pragma once
// The raw operations of products in AVX2 with FMA and F16C: sixteen lanes are two registers.
// Meanings: atoms/cpu_scalar/leaf.hpp.

#include <cstdint>

#include <immintrin.h>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct avx2_leaf {
  struct tiles {
    static constexpr bool present = false;
  };
  struct floats {
    __m256 low, high;
  };
  struct ints {
    __m256i low, high;
  };
  using bytes = ints;

  TENON_INLINE static floats zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  TENON_INLINE static floats broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  TENON_INLINE static floats load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
  TENON_INLINE static void store(float* to, floats x) { _mm256_storeu_ps(to, x.low), _mm256_storeu_ps(to + 8, x.high); }
  TENON_INLINE static floats mul(floats a, floats b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
  TENON_INLINE static floats fma(floats a, floats b, floats c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }

  TENON_INLINE static floats from_f16(const void* from) {
    const auto* x = static_cast<const __m128i*>(from);
    return {_mm256_cvtph_ps(_mm_loadu_si128(x)), _mm256_cvtph_ps(_mm_loadu_si128(x + 1))};
  }
  // e4m3 has the bits of a half with a smaller exponent bias: widen, then undo 2^-8. Exact, subnormals too.
  TENON_INLINE static floats from_e4m3(const void* from) {
    const __m256i x = _mm256_cvtepu8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(from)));
    const __m256i half = _mm256_or_si256(_mm256_slli_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0x80)), 8),
                                         _mm256_slli_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0x7f)), 7));
    return mul({_mm256_cvtph_ps(_mm256_castsi256_si128(half)), _mm256_cvtph_ps(_mm256_extracti128_si256(half, 1))}, broadcast(256.0f));
  }
  TENON_INLINE static floats from_i8(const void* from) {
    const __m128i x = _mm_loadu_si128(static_cast<const __m128i*>(from));
    return to_floats({_mm256_cvtepi8_epi32(x), _mm256_cvtepi8_epi32(_mm_srli_si128(x, 8))});
  }
  TENON_INLINE static floats from_u8(const void* from) {
    const __m128i x = _mm_loadu_si128(static_cast<const __m128i*>(from));
    return to_floats({_mm256_cvtepu8_epi32(x), _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8))});
  }

  TENON_INLINE static bytes load_bytes(const void* from) {
    const auto* x = static_cast<const __m256i*>(from);
    return {_mm256_loadu_si256(x), _mm256_loadu_si256(x + 1)};
  }
  TENON_INLINE static void store_bytes(void* to, bytes x) {
    _mm256_storeu_si256(static_cast<__m256i*>(to), x.low), _mm256_storeu_si256(static_cast<__m256i*>(to) + 1, x.high);
  }
  template <int Shift, int Mask>
  TENON_INLINE static bytes take(bytes x) {
    return each(x, [](__m256i part) TENON_LAMBDA {
      if constexpr (Shift > 0) part = _mm256_srli_epi16(part, Shift);
      if constexpr (Shift < 0) part = _mm256_slli_epi16(part, -Shift);
      return _mm256_and_si256(part, _mm256_set1_epi8(Mask));
    });
  }
  TENON_INLINE static bytes either(bytes a, bytes b) { return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)}; }
  template <int Which>
  TENON_INLINE static floats byte_as_float(bytes x) {
    return to_floats(
        each(x, [](__m256i part) TENON_LAMBDA { return _mm256_and_si256(_mm256_srli_epi32(part, 8 * Which), _mm256_set1_epi32(255)); }));
  }
  template <int Which>
  TENON_INLINE static floats half_as_float(bytes x) {
    return as_floats(each(x, [](__m256i part) TENON_LAMBDA {
      return Which == 0 ? _mm256_slli_epi32(part, 16) : _mm256_and_si256(part, _mm256_set1_epi32(static_cast<int>(0xffff0000u)));
    }));
  }

  static constexpr bool bf16_dot = false;
  TENON_INLINE static void store_bf16(std::uint16_t* to, floats x) {
    const __m256i mixed = _mm256_packus_epi32(_mm256_srli_epi32(rounded(x.low), 16), _mm256_srli_epi32(rounded(x.high), 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute4x64_epi64(mixed, 0xd8));
  }
  TENON_INLINE static bytes pair_bf16(floats even, floats odd) { return {pair(even.low, odd.low), pair(even.high, odd.high)}; }

  TENON_INLINE static ints zero_ints() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  TENON_INLINE static ints broadcast_int(const void* from) {
    int x;
    __builtin_memcpy(&x, from, sizeof x);
    return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
  }
  template <int Largest>
  TENON_INLINE static ints dot(ints sum, bytes w, ints x) {
    return {dot<Largest>(sum.low, w.low, x.low), dot<Largest>(sum.high, w.high, x.high)};
  }
  TENON_INLINE static floats to_floats(ints x) { return {_mm256_cvtepi32_ps(x.low), _mm256_cvtepi32_ps(x.high)}; }

  TENON_INLINE static std::uint32_t peak_bits(floats a, floats b) {
    const __m256i mask = _mm256_set1_epi32(0x7fffffff);
    const auto bits = [&](__m256 x) TENON_LAMBDA { return _mm256_and_si256(_mm256_castps_si256(x), mask); };
    const __m256i peak = _mm256_max_epu32(_mm256_max_epu32(bits(a.low), bits(a.high)), _mm256_max_epu32(bits(b.low), bits(b.high)));
    __m128i x = _mm_max_epu32(_mm256_castsi256_si128(peak), _mm256_extracti128_si256(peak, 1));
    x = _mm_max_epu32(x, _mm_shuffle_epi32(x, 0x4e));
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_max_epu32(x, _mm_shuffle_epi32(x, 0xb1))));
  }
  TENON_INLINE static ints round(floats x) { return {_mm256_cvtps_epi32(x.low), _mm256_cvtps_epi32(x.high)}; }
  TENON_INLINE static ints over_128(ints x) {
    return each(x, [](__m256i part) TENON_LAMBDA { return _mm256_srai_epi32(_mm256_add_epi32(part, _mm256_set1_epi32(64)), 7); });
  }
  TENON_INLINE static ints less_128_times(ints x, ints high) {
    return {_mm256_sub_epi32(x.low, _mm256_slli_epi32(high.low, 7)), _mm256_sub_epi32(x.high, _mm256_slli_epi32(high.high, 7))};
  }
  TENON_INLINE static ints plus_128_times(ints x, ints high) {
    return {_mm256_add_epi32(x.low, _mm256_slli_epi32(high.low, 7)), _mm256_add_epi32(x.high, _mm256_slli_epi32(high.high, 7))};
  }
  TENON_INLINE static void store_narrow(std::int8_t* to, ints x) {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.low, x.high), 0xd8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  TENON_INLINE static std::int32_t sum(ints x) {
    const __m256i both = _mm256_add_epi32(x.low, x.high);
    __m128i y = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(y, _mm_shuffle_epi32(y, 0xb1)));
  }

 private:
  template <class F>
  TENON_INLINE static ints each(ints x, F&& f) {
    return {f(x.low), f(x.high)};
  }
  TENON_INLINE static floats as_floats(ints x) { return {_mm256_castsi256_ps(x.low), _mm256_castsi256_ps(x.high)}; }
  template <int Largest>
  TENON_INLINE static __m256i dot(__m256i sum, __m256i w, __m256i x) {
    if constexpr (2 * Largest * 127 < 32768)  // a pair of products fits 16 bits
      return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(255)), _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(x, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
  }
  // The upper 16 bits of each lane: x rounded to bf16, ties to even; a NaN keeps its upper bits and stays one.
  TENON_INLINE static __m256i rounded(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i up = _mm256_add_epi32(_mm256_set1_epi32(0x7fff), _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1)));
    const __m256 quiet = _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x400000)));
    return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(_mm256_add_epi32(bits, up)), quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
  }
  TENON_INLINE static __m256i pair(__m256 even, __m256 odd) {
    return _mm256_or_si256(_mm256_srli_epi32(rounded(even), 16),
                           _mm256_and_si256(rounded(odd), _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
};

}  // namespace atoms
TENON_KERNELS_END
