#pragma once
// The leaf of gfx90a executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/amd/wave_simulated.hpp>
#include <tenon/kernels/atoms/gfx90a/fragments.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx90a {

struct leaf_simulated : amd::wave_simulated<64>, amd::ocp_numbers, fragments::gfx90a::matrices {
  static constexpr const char* name = "simulated gfx90a";

  template <class Number>
  static void multiply(sums<Number>& d, const operand& a, const operand& b, site where = site::current()) {
    using namespace simulation;
    const bits128 left = bit_cast<bits128>(a.chunk[0]), right = bit_cast<bits128>(b.chunk[0]);
    if constexpr (sizeof(Number) == 1)
      for (int i = 0; i < 4; ++i) multiply_amd<std::int8_t, mfma_32x32<8, 8>>(&d, left.word + i, right.word + i, where);
    else
      for (int i = 0; i < 4; i += 2) multiply_amd<Number, mfma_32x32<16, 8>, true>(&d, left.word + i, right.word + i, where);
  }
};

}  // namespace atoms::gfx90a
TENON_KERNELS_END
