#pragma once
// The leaf of gfx942 executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/gfx942/leaf.hpp>
#include <tenon/kernels/atoms/simulated/leaf.hpp>
#include <tenon/kernels/atoms/simulated/matrix_tables.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx942 {

struct leaf_simulated : simulation::leaf<64> {
  static constexpr const char* name = "simulated gfx942";
  using site = simulation::site;

  static void mfma(floats16& d, const bits64& a, const bits64& b, site where = site::current()) { multiply<32, 8>(d, a, b, where); }
  static void mfma(floats4& d, const bits64& a, const bits64& b, site where = site::current()) { multiply<16, 16>(d, a, b, where); }

 private:
  template <int M, int K, class Sums>
  static void multiply(Sums& d, const bits64& a, const bits64& b, const site& where) {
    float sums[sizeof(Sums) / sizeof(float)];
    std::memcpy(sums, &d, sizeof d);
    simulation::multiply<bf16, simulation::mfma_bf16_1k<M>, 64, M, M, K>(sums, a.word, b.word, where);
    std::memcpy(&d, sums, sizeof d);
  }
};

}  // namespace atoms::gfx942
TENON_KERNELS_END
