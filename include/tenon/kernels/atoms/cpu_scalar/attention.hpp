#pragma once
// Attention in plain C++: the words of all processors over a vector of one float.

#include <tenon/kernels/atoms/cpu/attention.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

struct scalar_attention_leaf {
  using vector = float;
  static constexpr int lanes = 1, rows = 2, vectors = 4;
  static constexpr bool bf16_pairs = false;  ///< products of bf16 pairs

  TENON_INLINE static float load(const float* at) { return *at; }
  TENON_INLINE static void store(float* at, float x) { *at = x; }
  TENON_INLINE static float fill(float x) { return x; }
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  // Said outright: left to the compiler, g++ rounds once in one micro tile and twice in another, and rows would differ by their tiles.
  TENON_INLINE static float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
  TENON_INLINE static float fma(float a, float b, float c) { return a * b + c; }
#endif
  TENON_INLINE static float multiply(float a, float b) { return a * b; }
  TENON_INLINE static float add(float a, float b) { return a + b; }
  TENON_INLINE static float highest(float a, float b) { return a > b ? a : b; }  // NaN in b stays
  TENON_INLINE static float exp2(float x) { return tenon::exp2(x); }
  TENON_INLINE static float sum_of(float x) { return x; }
  TENON_INLINE static float highest_of(float x) { return x; }
  template <class Number>
  TENON_INLINE static void widen(const Number* from, float& first, float& second) {
    first = static_cast<float>(from[0]);
    second = static_cast<float>(from[1]);
  }
  static constexpr float e4m3_step = 1;  ///< widened e4m3, times this, are the numbers
  template <class Byte>
  TENON_INLINE static float widen(const Byte* from) {
    return static_cast<float>(*from);
  }
};

using scalar_attention = attention_words<scalar_attention_leaf>;

}  // namespace atoms
TENON_KERNELS_END
