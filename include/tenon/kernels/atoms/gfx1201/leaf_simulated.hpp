#pragma once
// The leaf of gfx1201 executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/amd/wave_simulated.hpp>
#include <tenon/kernels/atoms/gfx1201/fragments.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx1201 {

struct leaf_simulated : amd::wave_simulated<32>, amd::ocp_numbers, fragments::gfx1201::matrices {
  static constexpr const char* name = "simulated gfx1201";

  template <class Number>
  static void multiply(sums<Number>& d, const operand& a, const operand& b, site where = site::current()) {
    using namespace simulation;
    const bits128 left = bit_cast<bits128>(a.chunk[0]), right = bit_cast<bits128>(b.chunk[0]);
    if constexpr (sizeof(Number) == 1)
      for (int i = 0; i < 4; i += 2) multiply_amd<Number, wmma_rdna4<8>>(&d, left.word + i, right.word + i, where);
    else
      multiply_amd<Number, wmma_rdna4<16>>(&d, left.word, right.word, where);
  }
};

}  // namespace atoms::gfx1201
TENON_KERNELS_END
