#pragma once
// What the simulated leaves of AMD's GPUs have in common: wave.hpp executed on a processor. Each machine adds its matrix instructions.

#include <tenon/kernels/atoms/amd/numbers.hpp>
#include <tenon/kernels/atoms/simulated/leaf.hpp>
#include <tenon/kernels/atoms/simulated/mfma_wmma.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

template <int Lanes>
struct wave_simulated : simulation::leaf<Lanes> {
  using site = simulation::site;

  static void in_steps() {}
  static int anew(int value) { return value; }
  template <class Number>
  static std::uint32_t pack_weights(float low, float high) {
    return simulation::leaf<Lanes>::template pack<Number>(low, high);
  }
};

}  // namespace atoms::amd
TENON_KERNELS_END
