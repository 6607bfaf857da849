#pragma once
// Numbers of 8 bits that share a scale: how a row of values shrinks to a quarter of float without losing its range.

#include <cstdint>
#include <limits>
#include <type_traits>

#include <tenon/core/number.hpp>

namespace tenon {

/// Rows of `Storage` (std::int8_t or e4m3) in which every `Block` values, counted from the first, share one float scale; the last
/// block of a row may be shorter. A value is scale times number, and the scale is the block's greatest magnitude over 127 (int8)
/// or 448 (e4m3), 1 where that is 0. A block that holds a NaN or an infinity is NaN throughout.
template <class Storage, int Block>
struct block_scaled {
  static_assert(std::is_same_v<Storage, std::int8_t> || std::is_same_v<Storage, e4m3>, "[block_scaled.Storage] must be std::int8_t or e4m3. Fix: name one of the two.");
  static_assert(Block > 0 && Block % 32 == 0, "[block_scaled.Block] must be a positive multiple of 32: kernels scale whole vectors. Fix: 32, 64 or 128.");
  using storage = Storage;
  static constexpr int block = Block;

  /// The scale of a block whose greatest magnitude is `most`.
  TENON_BOTH static constexpr float scale_of(float most) {
    if (!(most < infinite)) return none;
    return most < 1e-30f ? 1.0f : most / (std::is_same_v<Storage, e4m3> ? 448.0f : 127.0f);
  }
  /// x / scale, rounded to nearest even.
  TENON_BOTH static constexpr Storage quantize(float x, float scale) {
    if (!(scale == scale)) return Storage{};
    if constexpr (std::is_same_v<Storage, e4m3>) {
      return e4m3(x / scale);
    } else {
      const float magic = 0x1.8p23f, nearest = (x / scale + magic) - magic;
      return static_cast<Storage>(nearest);
    }
  }

 private:
  static constexpr float infinite = std::numeric_limits<float>::infinity(), none = std::numeric_limits<float>::quiet_NaN();
};

/// The caches of SPEC section 1, and the granularity of GGUF's q8_0.
using int8_per_128 = block_scaled<std::int8_t, 128>;
using e4m3_per_128 = block_scaled<e4m3, 128>;
using int8_per_32 = block_scaled<std::int8_t, 32>;

namespace detail {
template <class T>
inline constexpr bool is_block_scaled = false;
template <class Storage, int Block>
inline constexpr bool is_block_scaled<block_scaled<Storage, Block>> = true;
}  // namespace detail

/// Whether T stands for numbers that share scales.
template <class T>
concept shares_scales = detail::is_block_scaled<T>;

}  // namespace tenon
