#pragma once
// The leaf of sm_75 executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/sm80/leaf_simulated.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm75 {

struct leaf_simulated : sm80::leaf_simulated {
  static constexpr const char* name = "simulated sm75";

  static void copy_16(address to, const void* from, site where = site::current()) { copy_16(to, from, 16, where); }
  static void copy_16(address to, const void* from, int bytes, site where = site::current()) {
    bits128 v{};
    if (bytes == 16)
      v = load(static_cast<const bits128*>(from), where);
    else
      for (int i = 0; 2 * i < bytes; ++i)
        v.word[i / 2] |= static_cast<std::uint32_t>(load(static_cast<const std::uint16_t*>(from) + i, where)) << (i % 2 * 16);
    store_shared(to, v, where);
  }
  static void commit() {}
  template <int>
  static void wait() {}

  template <class Number>
  static void mma(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, site where = site::current()) {
    using map = simulation::mma_m16n8k8_half;
    simulation::multiply<Number, map, 32, 16, 8, 8>(d, a, &b0, where);
    simulation::multiply<Number, map, 32, 16, 8, 8>(d, a + 2, &b1, where);
  }
  template <class Number>
  static void mma_first(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, site where = site::current()) {
    for (float& sum : d) sum = 0;
    mma<Number>(d, a, b0, b1, where);
  }
};

}  // namespace atoms::sm75
TENON_KERNELS_END
