#pragma once
// How weights lie in memory once packed: panels of 16 rows of the matrix, side by side, so that lane c of every vector belongs
// to row c and a product's sums never cross lanes. A panel is a sequence of slabs, each `depth` values deep and a whole
// number of cache lines long. Every integer block means the same: w = scale q + least, with q an unsigned byte; its
// quanta lie in quads [depth / 4][16][4], the operand of a byte dot product (VNNI, AMX, sdot).
// A step is 16 values of depth; the words below read one step of one panel through the leaf of a machine.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/shared/unroll.hpp>

TENON_KERNELS_BEGIN
namespace panel {

inline constexpr int columns = 16;
inline constexpr int step_depth = 16;

/// What an integer format adds to scale * sum(q x): nothing but a constant offset of q, or a minimum per block.
enum class correction { offset_128, offset_8, offset_32_halves, least };

constexpr int largest_quantum(correction how) {
  return how == correction::offset_128 ? 255 : how == correction::offset_32_halves ? 63 : 15;
}

namespace detail {
TENON_INLINE constexpr std::ptrdiff_t line(int i) { return 64 * i; }
// Nibbles: line n holds quads 2n (low) and 2n + 1 (high).
template <class L, int Quad>
TENON_INLINE auto nibbles(const std::byte* lines, int step) {
  return L::template take<Quad % 2 * 4, 15>(L::load_bytes(lines + line(2 * step + Quad / 2)));
}
}  // namespace detail

/// [64][16] floats.
struct f32 {
  static constexpr bool integer = false;
  static constexpr int depth = 64, bytes = 4096;
  template <class L, class F>
  TENON_INLINE static void weights(const std::byte* slab, int step, F&& f) {
    unroll<step_depth>([&](int i)
                           TENON_LAMBDA { f(i, L::load(reinterpret_cast<const float*>(slab) + (step * step_depth + i) * columns)); });
  }
};
/// [64][16] halves.
struct f16 {
  static constexpr bool integer = false;
  static constexpr int depth = 64, bytes = 2048;
  template <class L, class F>
  TENON_INLINE static void weights(const std::byte* slab, int step, F&& f) {
    unroll<step_depth>([&](int i) TENON_LAMBDA { f(i, L::from_f16(slab + (step * step_depth + i) * columns * 2)); });
  }
};
/// [32][16][2]: pairs along the depth, the operand of a bf16 dot product.
struct bf16 {
  static constexpr bool integer = false;
  static constexpr int depth = 64, bytes = 2048;
  template <class L, class F>
  TENON_INLINE static void weights(const std::byte* slab, int step, F&& f) {
    unroll<step_depth / 2>([&](int i) TENON_LAMBDA {
      const auto pairs = L::load_bytes(slab + detail::line(step * step_depth / 2 + i));
      f(2 * i, L::template half_as_float<0>(pairs));
      f(2 * i + 1, L::template half_as_float<1>(pairs));
    });
  }
};
/// [64][16] bytes, then one float scale per 32 values and column: [2][16].
struct e4m3 {
  static constexpr bool integer = false;
  static constexpr int depth = 64, bytes = 1024 + 128;
  template <class L, class F>
  TENON_INLINE static void weights(const std::byte* slab, int step, F&& f) {
    const auto scale = L::load(reinterpret_cast<const float*>(slab + 1024) + step / 2 * columns);
    unroll<step_depth>([&](int i) TENON_LAMBDA { f(i, L::mul(scale, L::from_e4m3(slab + (step * step_depth + i) * columns))); });
  }
};

// What the integer formats share: weights from quanta, scale and least.
template <class Format>
struct integer_format {
  static constexpr bool integer = true;
  template <class L, class F>
  TENON_INLINE static void weights(const std::byte* slab, int step, F&& f) {
    const auto scale = Format::template scale<L>(slab, step);
    const auto least = [&]() TENON_LAMBDA {
      if constexpr (Format::how == correction::least)
        return Format::template least<L>(slab, step);
      else
        return L::mul(scale, L::broadcast(static_cast<float>(-Format::offset)));
    }();
    unroll<4>([&](auto quad) TENON_LAMBDA {
      const auto q = Format::template quanta<L, quad>(slab, step);
      unroll<4>([&](auto i) TENON_LAMBDA {
        f(4 * quad + i, L::fma(L::template byte_as_float<i>(q), scale, least));
      });
    });
  }
};
/// Quanta + 128 in 16 lines.
template <class Format>
struct byte_format : integer_format<Format> {
  static constexpr int depth = 64, offset = 128;
  static constexpr correction how = correction::offset_128;
  template <class L, int Quad>
  TENON_INLINE static auto quanta(const std::byte* slab, int step) {
    return L::load_bytes(slab + detail::line(4 * step + Quad));
  }
};
/// Nibbles in 8 lines.
template <class Format>
struct nibble_format : integer_format<Format> {
  static constexpr int depth = 64;
  template <class L, int Quad>
  TENON_INLINE static auto quanta(const std::byte* slab, int step) {
    return detail::nibbles<L, Quad>(slab, step);
  }
};

/// Quanta + 128 in 16 lines, then one line of f16 scales [2][16].
struct q8_0 : byte_format<q8_0> {
  static constexpr int bytes = 1024 + 64;
  template <class L>
  TENON_INLINE static auto scale(const std::byte* slab, int step) {
    return L::from_f16(slab + 1024 + step / 2 * 32);
  }
};
/// As q8_0 with float scales [2][16].
struct i8 : byte_format<i8> {
  static constexpr int bytes = 1024 + 128;
  template <class L>
  TENON_INLINE static auto scale(const std::byte* slab, int step) {
    return L::load(reinterpret_cast<const float*>(slab + 1024) + step / 2 * columns);
  }
};
/// Nibbles in 8 lines, then one line of f16 scales [2][16].
struct q4_0 : nibble_format<q4_0> {
  static constexpr int bytes = 512 + 64, offset = 8;
  static constexpr correction how = correction::offset_8;
  template <class L>
  TENON_INLINE static auto scale(const std::byte* slab, int step) {
    return L::from_f16(slab + 512 + step / 2 * 32);
  }
};
/// Nibbles in 8 lines, then f16 scales [2][16] and f16 minima [2][16].
struct q4_1 : nibble_format<q4_1> {
  static constexpr int bytes = 512 + 128, offset = 0;
  static constexpr correction how = correction::least;
  template <class L>
  TENON_INLINE static auto scale(const std::byte* slab, int step) {
    return L::from_f16(slab + 512 + step / 2 * 32);
  }
  template <class L>
  TENON_INLINE static auto least(const std::byte* slab, int step) {
    return L::from_f16(slab + 576 + step / 2 * 32);
  }
};
/// One line of f16 d [16] and -dmin [16]; then 4 times: 8 lines of nibbles, one line of 6-bit scales [2][16] and minima [2][16].
struct q4_k : integer_format<q4_k> {
  static constexpr int depth = 256, bytes = 64 + 4 * 576, offset = 0;
  static constexpr correction how = correction::least;
  template <class L, int Quad>
  TENON_INLINE static auto quanta(const std::byte* slab, int step) {
    return detail::nibbles<L, Quad>(slab + 64 + step / 4 * 576, step % 4);
  }
  template <class L>
  TENON_INLINE static auto scale(const std::byte* slab, int step) {
    return L::mul(L::from_f16(slab), L::from_u8(slab + 64 + step / 4 * 576 + 512 + step / 2 % 2 * 16));
  }
  template <class L>
  TENON_INLINE static auto least(const std::byte* slab, int step) {
    return L::mul(L::from_f16(slab + 32), L::from_u8(slab + 64 + step / 4 * 576 + 544 + step / 2 % 2 * 16));
  }
};
/// One line of f16 d [16]; then 4 times: 8 lines of low nibbles, 4 lines of high bit pairs, one line of int8 scales [4][16].
struct q6_k : integer_format<q6_k> {
  static constexpr int depth = 256, bytes = 64 + 4 * 832, offset = 32;
  static constexpr correction how = correction::offset_32_halves;
  template <class L, int Quad>
  TENON_INLINE static auto quanta(const std::byte* slab, int step) {
    const std::byte* part = slab + 64 + step / 4 * 832;
    return L::either(detail::nibbles<L, Quad>(part, step % 4),
                     L::template take<2 * Quad - 4, 48>(L::load_bytes(part + 512 + detail::line(step % 4))));
  }
  template <class L>
  TENON_INLINE static auto scale(const std::byte* slab, int step) {
    return L::mul(L::from_f16(slab), L::from_i8(slab + 64 + step / 4 * 832 + 768 + step % 4 * 16));
  }
};

}  // namespace panel
TENON_KERNELS_END
