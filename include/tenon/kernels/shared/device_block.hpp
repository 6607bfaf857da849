#pragma once
// What the threads of a block do with rows of floats on a GPU: four neighbours at once, and one result of all threads.

#include <cstdint>
#include <type_traits>

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

/// What takes 8 bytes, moved at once.
template <class Leaf, class T>
TENON_BOTH TENON_INLINE T load_eight(const T* from) {
  return bit_cast<T>(Leaf::load(reinterpret_cast<const bits64*>(from)));
}
template <class Leaf, class T>
TENON_BOTH TENON_INLINE void store_eight(T* to, const T& value) {
  Leaf::store(reinterpret_cast<bits64*>(to), bit_cast<bits64>(value));
}

/// Bytes of shared memory that a reduction over a block of `Threads` takes.
template <class Leaf, int Threads, class T = float>
inline constexpr int reduction_bytes = Threads / Leaf::lanes * static_cast<int>(sizeof(T));

/// Numbers as leaves move them.
template <class T>
using moved = std::conditional_t<sizeof(T) == 8, bits64, T>;

/// The value of the lane whose number differs in the bits of `mask`.
template <class Leaf, class T>
TENON_BOTH TENON_INLINE T value_across(T value, int mask) {
  if constexpr (sizeof(T) == 4)
    return Leaf::shuffle_xor(value, mask);
  else
    return T{Leaf::shuffle_xor(static_cast<std::uint32_t>(value >> 32), mask)} << 32 | Leaf::shuffle_xor(static_cast<std::uint32_t>(value), mask);
}

/// The values of all threads combined, the same bits in each: halves of a warp first, then warps in order. T: float or unsigned, of 32 or 64 bits.
/// Reached by all threads. `place`: byte of shared memory, a multiple of T's size; two reductions may share theirs if another lies between them.
template <class Leaf, int Threads, class T, class Combine>
TENON_BOTH TENON_INLINE T reduce_block(T value, const Combine& combine, int place = 0) {
  static_assert(Threads % Leaf::lanes == 0);
  for (int mask = Leaf::lanes / 2; mask > 0; mask /= 2) value = combine(value, value_across<Leaf>(value, mask));
  constexpr int size = sizeof(T);
  const int warp = Leaf::thread() / Leaf::lanes;
  using address = typename Leaf::address;
  const address first = Leaf::shared() + static_cast<address>(place);
  if (Leaf::thread() % Leaf::lanes == 0) Leaf::store_shared(first + static_cast<address>(size * warp), bit_cast<moved<T>>(value));
  Leaf::barrier();
  const auto of_warp = [&](int w) TENON_LAMBDA { return bit_cast<T>(Leaf::template load_shared<moved<T>>(first + static_cast<address>(size * w))); };
  T all = of_warp(0);
  for (int w = 1; w < Threads / Leaf::lanes; ++w) all = combine(all, of_warp(w));
  return all;
}

/// The sum over the threads before this one, and the sum over all. As above.
template <class Leaf, int Threads>
TENON_BOTH TENON_INLINE std::uint32_t sum_before(std::uint32_t value, std::uint32_t& all, int place = 0) {
  using address = typename Leaf::address;
  const address first = Leaf::shared() + static_cast<address>(place);
  const int lane = Leaf::thread() % Leaf::lanes, warp = Leaf::thread() / Leaf::lanes;
  std::uint32_t before = 0, here = value;  // of the lanes that differ from this one in the bits looked at so far
  for (int mask = 1; mask < Leaf::lanes; mask *= 2) {
    const std::uint32_t others = Leaf::shuffle_xor(here, mask);
    if ((lane & mask) != 0) before += others;
    here += others;
  }
  if (lane == 0) Leaf::store_shared(first + static_cast<address>(4 * warp), here);
  Leaf::barrier();
  all = 0;
  for (int w = 0; w < Threads / Leaf::lanes; ++w) {
    const auto of_warp = Leaf::template load_shared<std::uint32_t>(first + static_cast<address>(4 * w));
    if (w < warp) before += of_warp;
    all += of_warp;
  }
  return before;
}

TENON_KERNELS_END
