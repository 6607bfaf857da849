#pragma once
// The instructions of AMD's gfx942 (MI300) as functions: those of gfx90a, and more for numbers of 8 bits. Source: AMD Instinct MI300
// instruction set. Its fp8 is FNUZ: the bits of an OCP e4m3 mean half the value, and the OCP's -0 is NaN.

#include <tenon/kernels/atoms/gfx90a/leaf.hpp>
#include <tenon/kernels/atoms/amd/numbers.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx942 {

#if defined(__HIP__)

struct leaf : gfx90a::matrix_leaf, amd::fnuz_numbers {
  /// d += a b: a [32, 32 bytes] and b [32 bytes, 32] of Number: bf16, f16, std::int8_t or e4m3, the last as `enter` gave it.
  /// v_mfma_f32_32x32x8_bf16, v_mfma_f32_32x32x8_f16, v_mfma_i32_32x32x16_i8, v_mfma_f32_32x32x16_fp8_fp8
  template <class Number>
  __attribute__((device)) TENON_INLINE static void multiply(sums<Number>& d, const operand& a, const operand& b) {
    if constexpr (sizeof(Number) == 1) {
      multiply_half<Number>(d, low(a.chunk[0]), low(b.chunk[0]));
      multiply_half<Number>(d, high(a.chunk[0]), high(b.chunk[0]));
    } else {
      gfx90a::matrix_leaf::multiply<Number>(d, a, b);
    }
  }

 private:
  template <class Number>
  __attribute__((device)) TENON_INLINE static void multiply_half(sums<Number>& d, words2 a, words2 b) {
    if constexpr (std::is_same_v<Number, std::int8_t>)
      d = __builtin_amdgcn_mfma_i32_32x32x16_i8(bit_cast<long>(a), bit_cast<long>(b), d, 0, 0, 0);
    else
      d = __builtin_amdgcn_mfma_f32_32x32x16_fp8_fp8(bit_cast<long>(a), bit_cast<long>(b), d, 0, 0, 0);
  }
};

#endif

}  // namespace atoms::gfx942
TENON_KERNELS_END
