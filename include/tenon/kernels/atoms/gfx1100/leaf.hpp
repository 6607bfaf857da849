#pragma once
// The instructions of AMD's gfx1100 (RDNA3) in waves of 32 as functions. Source: RDNA3 instruction set.

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/amd/numbers.hpp>
#include <tenon/kernels/atoms/amd/wave.hpp>
#include <tenon/kernels/atoms/gfx1100/fragments.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx1100 {

#if defined(__HIP__)

struct leaf : amd::wave<32>, amd::ocp_numbers, fragments::gfx1100::matrices {
  /// d += a b: a [16, 32 bytes] and b [32 bytes, 16] of Number: bf16, f16 or std::int8_t. Lanes l and l + 16 hold the same.
  /// v_wmma_f32_16x16x16_bf16, v_wmma_f32_16x16x16_f16, v_wmma_i32_16x16x16_iu8
  template <class Number>
  __attribute__((device)) TENON_INLINE static void multiply(sums<Number>& d, const operand& a, const operand& b) {
    if constexpr (sizeof(Number) == 1) {
      static_assert(std::is_same_v<Number, std::int8_t>, "[number] of 8 bits must be int8 on gfx1100. Fix: gfx1201 multiplies e4m3.");
      for (int i = 0; i < 2; ++i) d = __builtin_amdgcn_wmma_i32_16x16x16_iu8_w32(true, bit_cast<ints4>(a.chunk[i]), true, bit_cast<ints4>(b.chunk[i]), d, false);
    } else if constexpr (std::is_same_v<Number, f16>) {
      d = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(bit_cast<halves16>(a), bit_cast<halves16>(b), d);
    } else {
      d = __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(bit_cast<shorts16>(a), bit_cast<shorts16>(b), d);
    }
  }

 private:
  using ints4 = int __attribute__((vector_size(16)));
  using shorts16 = short __attribute__((vector_size(32)));
  using halves16 = _Float16 __attribute__((vector_size(32)));
};

#endif

}  // namespace atoms::gfx1100
TENON_KERNELS_END
