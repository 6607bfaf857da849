#pragma once
// What the threads of a block do with rows of floats on a GPU: four neighbours at once, and one result of all threads.

#include <cstdint>

#include <tenon/core/bit_cast.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN

/// from[0] to from[3], of which `left` are there, the others 0. `wide`: from is aligned to 16 bytes.
template <class Leaf>
TENON_BOTH TENON_INLINE void load_four(const float* from, bool wide, int left, float (&to)[4]) {
  if (wide && left >= 4) {
    const bits128 all = Leaf::load(reinterpret_cast<const bits128*>(from));
    for (int e = 0; e < 4; ++e) to[e] = bit_cast<float>(all.word[e]);
  } else {
    for (int e = 0; e < 4; ++e) to[e] = e < left ? Leaf::load(from + e) : 0.0f;
  }
}
/// The first `left` of four go to to[0], to[1], ...
template <class Leaf>
TENON_BOTH TENON_INLINE void store_four(float* to, bool wide, int left, const float (&from)[4]) {
  if (wide && left >= 4) {
    bits128 all;
    for (int e = 0; e < 4; ++e) all.word[e] = bit_cast<std::uint32_t>(from[e]);
    Leaf::store(reinterpret_cast<bits128*>(to), all);
  } else {
    for (int e = 0; e < 4; ++e)
      if (e < left) Leaf::store(to + e, from[e]);
  }
}

/// Bytes of shared memory, from its start, that a reduction over a block of `Threads` takes.
template <class Leaf, int Threads>
inline constexpr int reduction_bytes = Threads / Leaf::lanes * 4;

/// The values of all threads combined, the same bits in each: halves of a warp first, then warps in order. Reached by all threads, once
/// per kernel.
template <class Leaf, int Threads, class T, class Combine>
TENON_BOTH TENON_INLINE T reduce_block(T value, const Combine& combine) {
  static_assert(Threads % Leaf::lanes == 0);
  for (int mask = Leaf::lanes / 2; mask > 0; mask /= 2) value = combine(value, Leaf::shuffle_xor(value, mask));
  const int warp = Leaf::thread() / Leaf::lanes;
  using address = typename Leaf::address;
  if (Leaf::thread() % Leaf::lanes == 0) Leaf::store_shared(Leaf::shared() + static_cast<address>(4 * warp), value);
  Leaf::barrier();
  T all = Leaf::template load_shared<T>(Leaf::shared());
  for (int w = 1; w < Threads / Leaf::lanes; ++w) all = combine(all, Leaf::template load_shared<T>(Leaf::shared() + static_cast<address>(4 * w)));
  return all;
}

TENON_KERNELS_END
