#pragma once
// The instructions of AMD's gfx1201 (RDNA4) in waves of 32 as functions. Source: RDNA4 instruction set. Its fp8 is the OCP's.

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/amd/numbers.hpp>
#include <tenon/kernels/atoms/amd/wave.hpp>
#include <tenon/kernels/atoms/gfx1201/fragments.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx1201 {

#if defined(__HIP__)

struct leaf : amd::wave<32>, amd::ocp_numbers, fragments::gfx1201::matrices {
  /// d += a b: a [16, 32 bytes] and b [32 bytes, 16] of Number: bf16, f16, std::int8_t or e4m3.
  /// v_wmma_f32_16x16x16_bf16, v_wmma_f32_16x16x16_f16, v_wmma_i32_16x16x16_iu8, v_wmma_f32_16x16x16_fp8_fp8
  template <class Number>
  __attribute__((device)) TENON_INLINE static void multiply(sums<Number>& d, const operand& a, const operand& b) {
    const auto left = a.chunk[0], right = b.chunk[0];
    if constexpr (sizeof(Number) == 1) {
      multiply_half<Number>(d, bit_cast<ints2>(__builtin_shufflevector(left, left, 0, 1)), bit_cast<ints2>(__builtin_shufflevector(right, right, 0, 1)));
      multiply_half<Number>(d, bit_cast<ints2>(__builtin_shufflevector(left, left, 2, 3)), bit_cast<ints2>(__builtin_shufflevector(right, right, 2, 3)));
    } else if constexpr (std::is_same_v<Number, f16>) {
      d = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(bit_cast<halves8>(left), bit_cast<halves8>(right), d);
    } else {
      d = __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(bit_cast<shorts8>(left), bit_cast<shorts8>(right), d);
    }
  }

 private:
  using ints2 = int __attribute__((vector_size(8)));
  template <class Number>
  __attribute__((device)) TENON_INLINE static void multiply_half(sums<Number>& d, ints2 a, ints2 b) {
    if constexpr (std::is_same_v<Number, std::int8_t>)
      d = __builtin_amdgcn_wmma_i32_16x16x16_iu8_w32_gfx12(true, a, true, b, d, false);
    else
      d = __builtin_amdgcn_wmma_f32_16x16x16_fp8_fp8_w32_gfx12(a, b, d);
  }
  using shorts8 = short __attribute__((vector_size(16)));
  using halves8 = _Float16 __attribute__((vector_size(16)));
};

#endif

}  // namespace atoms::gfx1201
TENON_KERNELS_END
