#pragma once
// The instructions of AMD's gfx90a (MI200) as functions. Source: AMD Instinct MI200 instruction set. Its matrix instructions take subnormal
// 16-bit numbers for 0, and give 0 for subnormal sums.

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/amd/numbers.hpp>
#include <tenon/kernels/atoms/amd/wave.hpp>
#include <tenon/kernels/atoms/gfx90a/fragments.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx90a {

#if defined(__HIP__)

/// What gfx942 shares.
struct matrix_leaf : amd::wave<64>, fragments::gfx90a::matrices {
  /// d += a b: a [32, 32 bytes] and b [32 bytes, 32] of Number: bf16, f16 or std::int8_t.
  /// v_mfma_f32_32x32x8bf16_1k, v_mfma_f32_32x32x8f16, v_mfma_i32_32x32x8i8
  template <class Number>
  __attribute__((device)) TENON_INLINE static void multiply(sums<Number>& d, const operand& a, const operand& b) {
    const auto left = a.chunk[0], right = b.chunk[0];
    if constexpr (sizeof(Number) == 1) {
      static_assert(std::is_same_v<Number, std::int8_t>, "[number] of 8 bits must be int8 on gfx90a. Fix: gfx942 multiplies e4m3.");
      for (int i = 0; i < 4; ++i) d = __builtin_amdgcn_mfma_i32_32x32x8i8(static_cast<int>(left[i]), static_cast<int>(right[i]), d, 0, 0, 0);
    } else {
      multiply_half<Number>(d, low(left), low(right));
      multiply_half<Number>(d, high(left), high(right));
    }
  }

 protected:
  using words2 = std::uint32_t __attribute__((vector_size(8)));
  __attribute__((device)) TENON_INLINE static words2 low(const fragments::amd::chunk_words& of) { return __builtin_shufflevector(of, of, 0, 1); }
  __attribute__((device)) TENON_INLINE static words2 high(const fragments::amd::chunk_words& of) { return __builtin_shufflevector(of, of, 2, 3); }

 private:
  template <class Number>
  __attribute__((device)) TENON_INLINE static void multiply_half(sums<Number>& d, words2 a, words2 b) {
    if constexpr (std::is_same_v<Number, f16>)
      d = __builtin_amdgcn_mfma_f32_32x32x8f16(bit_cast<halves4>(a), bit_cast<halves4>(b), d, 0, 0, 0);
    else
      d = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(bit_cast<shorts4>(a), bit_cast<shorts4>(b), d, 0, 0, 0);
  }
  using shorts4 = short __attribute__((vector_size(8)));
  using halves4 = _Float16 __attribute__((vector_size(8)));
};

struct leaf : matrix_leaf, amd::ocp_numbers {};

#endif

}  // namespace atoms::gfx90a
TENON_KERNELS_END
