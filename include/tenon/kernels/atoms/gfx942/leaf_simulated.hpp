#pragma once
// The leaf of gfx942 executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/amd/wave_simulated.hpp>
#include <tenon/kernels/atoms/gfx90a/fragments.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx942 {

struct leaf_simulated : amd::wave_simulated<64>, amd::fnuz_numbers, fragments::gfx90a::matrices {
  static constexpr const char* name = "simulated gfx942";

  template <class Number>
  static void multiply(sums<Number>& d, const operand& a, const operand& b, site where = site::current()) {
    using namespace simulation;
    const bits128 left = bit_cast<bits128>(a.chunk[0]), right = bit_cast<bits128>(b.chunk[0]);
    for (int i = 0; i < 4; i += 2)
      if constexpr (sizeof(Number) == 1)
        multiply_amd<std::conditional_t<std::is_same_v<Number, e4m3>, fnuz_e4m3, Number>, mfma_32x32<8, 16>>(&d, left.word + i, right.word + i, where);
      else
        multiply_amd<Number, mfma_32x32<16, 8>>(&d, left.word + i, right.word + i, where);
  }
};

}  // namespace atoms::gfx942
TENON_KERNELS_END
