#pragma once
// The leaf of gfx1100 executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/amd/wave_simulated.hpp>
#include <tenon/kernels/atoms/gfx1100/fragments.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx1100 {

struct leaf_simulated : amd::wave_simulated<32>, amd::ocp_numbers, fragments::gfx1100::matrices {
  static constexpr const char* name = "simulated gfx1100";

  template <class Number>
  static void multiply(sums<Number>& d, const operand& a, const operand& b, site where = site::current()) {
    using namespace simulation;
    const auto left = bit_cast<registers>(a), right = bit_cast<registers>(b);
    if constexpr (sizeof(Number) == 1)
      for (int i = 0; i < 8; i += 4) multiply_amd<std::int8_t, wmma_rdna3<8>>(&d, left.word + i, right.word + i, where);
    else
      multiply_amd<Number, wmma_rdna3<16>>(&d, left.word, right.word, where);
  }

 private:
  struct registers {
    std::uint32_t word[8];
  };
};

}  // namespace atoms::gfx1100
TENON_KERNELS_END
