#pragma once
// Keys and values that a GPU keeps in 8 bits: rows of Dim numbers as anywhere (device_keys.hpp), and behind the rows of all kv heads of a cache or of a page one
// scale to a row, in the order of the rows. On their way to the matrix units they become bf16, each rounded once.

#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/block_scaled.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_keys.hpp>

TENON_KERNELS_BEGIN

/// What a kept number is in memory: itself, or 8 bits that share a scale.
template <class Kept>
struct kept_number {
  using storage = Kept;
  static constexpr bool scaled = false;
};
template <shares_scales Kept>
struct kept_number<Kept> {
  static_assert(Kept::block >= 128, "[kept_number] a row of 128 has one scale on a GPU. Fix: int8_per_128 or e4m3_per_128.");
  using storage = typename Kept::storage;
  static constexpr bool scaled = true;
};

/// Where the rows of a kv head lie, and their scales: `scales` bytes behind the first row of all.
template <class Layout, class Leaf, class Kept, int Dim>
struct kept_keys_of : Layout::template of<Leaf, typename kept_number<Kept>::storage, Dim> {
  index_t scales;

  TENON_BOTH TENON_INLINE const float* scale(const typename kept_number<Kept>::storage* first, int key, int row) const {
    const auto at = this->place(key, row);
    return reinterpret_cast<const float*>(first + (at.page + scales)) + at.row / Dim;
  }
};

/// Of either kind.
template <class Layout, class Leaf, class Kept, int Dim>
struct kept_source {
  using type = typename Layout::template of<Leaf, Kept, Dim>;
};
template <class Layout, class Leaf, shares_scales Kept, int Dim>
struct kept_source<Layout, Leaf, Kept, Dim> {
  using type = kept_keys_of<Layout, Leaf, Kept, Dim>;
};

/// Four numbers of 8 bits times their scale, as pairs of bf16.
template <class Leaf, shares_scales Kept>
TENON_BOTH TENON_INLINE void widen_four(std::uint32_t four, float scale, std::uint32_t (&to)[2]) {
  float value[4];
  if constexpr (std::is_same_v<typename Kept::storage, e4m3>) {
    // An e4m3 whose exponent and fraction are those of an f16 is 256 times as much, subnormal or not; a scale holds 256 more.
    TENON_UNROLL for (int i = 0; i < 2; ++i) {
      const std::uint32_t above = Leaf::permute_bytes(four, 0u, i == 0 ? 0x1404u : 0x3424u), pair = (above >> 1 & 0x3f803f80u) | (above & 0x80008000u);
      value[2 * i] = Leaf::from_f16(pair & 0xffffu) * (scale * 256.0f), value[2 * i + 1] = Leaf::from_f16(pair >> 16) * (scale * 256.0f);
    }
  } else {
    TENON_UNROLL for (int i = 0; i < 4; ++i) value[i] = (byte_above_32768<Leaf>(four ^ 0x80808080u, i) - 32896.0f) * scale;
  }
  to[0] = Leaf::pack_bf16(value[0], value[1]), to[1] = Leaf::pack_bf16(value[2], value[3]);
}
/// Eight.
template <class Leaf, shares_scales Kept>
TENON_BOTH TENON_INLINE bits128 widen_eight(std::uint32_t low, std::uint32_t high, float scale) {
  std::uint32_t first[2], second[2];
  widen_four<Leaf, Kept>(low, scale, first), widen_four<Leaf, Kept>(high, scale, second);
  return {{first[0], first[1], second[0], second[1]}};
}

TENON_KERNELS_END
