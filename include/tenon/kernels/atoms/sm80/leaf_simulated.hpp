#pragma once
// The leaf of sm_80 executed on a processor: the same names as leaf.hpp, over the simulated machine.

#include <tenon/kernels/atoms/simulated/leaf.hpp>
#include <tenon/kernels/atoms/simulated/matrix_tables.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

struct leaf_simulated : simulation::leaf<32> {
  static constexpr const char* name = "simulated sm80";
  using site = simulation::site;

  static void load_matrices(std::uint32_t (&to)[4], address row, site where = site::current()) {
    simulation::load_matrices<false>(to, row, where);
  }
  static void load_matrices_transposed(std::uint32_t (&to)[4], address row, site where = site::current()) {
    simulation::load_matrices<true>(to, row, where);
  }

  static address xor_anew(address a, address b) { return a ^ b; }
  static void keep_loads_early() {}

  static void copy_16(address to, const void* from, site where = site::current()) { simulation::copy_16(to, from, 16, where); }
  static void copy_16(address to, const void* from, int bytes, site where = site::current()) {
    simulation::copy_16(to, from, bytes, where);
  }
  static void commit() { simulation::commit_copies(); }
  template <int Pending>
  static void wait() {
    simulation::wait_for_copies(Pending);
  }

  template <class Number = bf16>
  static void mma(sum_of<Number> (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, site where = site::current()) {
    const std::uint32_t b[2] = {b0, b1};
    using map = simulation::mma_m16n8<sizeof(Number)>;
    simulation::multiply<Number, map, 32, 16, 8, 32 / sizeof(Number)>(d, a, b, where);
  }
  template <class Number = bf16>
  static void mma_first(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1, site where = site::current()) {
    for (float& sum : d) sum = 0;
    mma<Number>(d, a, b0, b1, where);
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
