#pragma once
// What the simulated leaves of all GPUs have in common. Names, preconditions and results are those of the real leaves
// (atoms/sm80/leaf.hpp, atoms/amd/wave.hpp); each function also takes the place of its caller.

#include <cmath>

#include <tenon/kernels/atoms/simulated/collectives.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// Base: the address of the first byte of shared memory, a multiple of what kernels may rely on and of nothing more.
template <int Lanes, std::uint32_t Base = 1152>
struct leaf {
  static constexpr int lanes = Lanes;
  using address = std::uint32_t;

  static int thread() { return executor::current()->me().thread; }
  static int block_x() { return executor::current()->block_index().x; }
  static int block_y() { return executor::current()->block_index().y; }
  static int block_z() { return executor::current()->block_index().z; }
  static address shared() { return Base; }

  template <class T>
  static T load(const T* from, site where = site::current()) {
    return simulation::load_global(from, where);
  }
  template <class T>
  static void store(T* to, const T& value, site where = site::current()) {
    simulation::store_global(to, value, where);
  }
  template <class T>
  static T load_shared(address from, site where = site::current()) {
    return simulation::load_shared<T>(from, where);
  }
  template <class T>
  static void store_shared(address to, const T& value, site where = site::current()) {
    simulation::store_shared(to, value, where);
  }

  static void barrier(site where = site::current()) { executor::current()->barrier(where); }
  static void sync_warp(site where = site::current()) { simulation::sync_warp(where); }
  static float shuffle_xor(float value, int mask, site where = site::current()) {
    return bit_cast<float>(simulation::shuffle_xor(bit_cast<std::uint32_t>(value), mask, where));
  }
  static std::uint32_t shuffle_xor(std::uint32_t value, int mask, site where = site::current()) {
    return simulation::shuffle_xor(value, mask, where);
  }
  static bool any(bool here, site where = site::current()) { return simulation::any(here, where); }
  static int uniform(int value, site where = site::current()) { return simulation::uniform(value, where); }

  // More accurate than a GPU, but for subnormal results, which are 0 there too.
  static float exp2(float x) { return flushed(std::exp2(x)); }
  static float log2(float x) { return std::log2(x); }
  static float reciprocal(float x) { return 1.0f / flushed(x); }
  static float tanh(float x) { return std::tanh(x); }
  static float from_f16(std::uint32_t bits) {
    f16 number;
    number.bits = static_cast<std::uint16_t>(bits);
    return static_cast<float>(number);
  }
  static std::uint32_t permute_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t select) {
    std::uint32_t out = 0;
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint32_t s = select >> (4 * i) & 7u;
      out |= ((s < 4 ? a : b) >> (s % 4 * 8) & 0xffu) << (8 * i);
    }
    return out;
  }
  static std::uint32_t pack_bf16(float low, float high) { return pack<bf16>(low, high); }
  template <class Number>
  static std::uint32_t pack(float low, float high) {
    return Number(low).bits | static_cast<std::uint32_t>(Number(high).bits) << 16;
  }

 private:
  static float flushed(float x) { return std::fabs(x) < 0x1p-126f ? 0.0f : x; }
};

}  // namespace simulation
TENON_KERNELS_END
