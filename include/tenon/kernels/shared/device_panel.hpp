#pragma once
// How a GPU reads weights. Integers lie in the panels that processors read (panel.hpp), byte for byte; floats of every kind are rows of bf16, or of what else
// its products multiply.
// A panel is cut into parts, 64 of the depth deep; a part into octets: eight neighbouring values of one row, which are `words` registers and
// what scales them. Numbers come out of quanta without a conversion: a byte set below a fitting exponent is a float, a constant too great.
//
// Leaf has permute_bytes and from_f16. A reader gives bits: load<T>(offset), T of 1 to 16 bytes, from where a part or its slab begins.

#include <cstdint>
#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/packed_matrix.hpp>

TENON_KERNELS_BEGIN

/// Bits of `Bytes` bytes, and their 32-bit words.
template <int Bytes>
using bits_of = std::conditional_t<Bytes == 16, bits128, std::conditional_t<Bytes == 8, bits64, std::conditional_t<Bytes == 4, std::uint32_t, std::uint16_t>>>;
template <class Bits>
TENON_BOTH TENON_INLINE std::uint32_t word_of(const Bits& bits, int i) {
  if constexpr (std::is_integral_v<Bits>)
    return bits;
  else
    return bits.word[i];
}

/// Reads bits of global memory from `at` on.
template <class Leaf>
struct memory_reader {
  const std::byte* at;
  template <class T>
  TENON_BOTH TENON_INLINE T load(int offset) const {
    return Leaf::load(reinterpret_cast<const T*>(at + offset));
  }
};

/// Not panels but rows [row, depth] of Number, padded with zeros to whole 16 bytes. Behind each row of numbers of 8 bits stand its scale, a float, and 12 bytes of
/// nothing.
template <class Number>
struct number_rows {
  using number = Number;
  static constexpr bool scaled = sizeof(Number) == 1;
  static constexpr int whole = 16 / static_cast<int>(sizeof(Number));
  /// Numbers from the first of a row to its scale, or to the next row.
  template <class Int>
  TENON_BOTH static constexpr Int padded(Int depth) {
    return (depth + whole - 1) / whole * whole;
  }
  /// Numbers from a row to the next.
  template <class Int>
  TENON_BOTH static constexpr Int stride(Int depth) {
    return padded(depth) + (scaled ? whole : 0);
  }
};
using bf16_rows = number_rows<bf16>;
template <class Format>
inline constexpr bool lies_in_rows = false;
template <class Number>
inline constexpr bool lies_in_rows<number_rows<Number>> = true;

template <class Format>
struct device_panel {
  static constexpr bool wide = Format::how == panel::correction::offset_128, least = Format::how == panel::correction::least;
  static constexpr bool six = std::is_same_v<Format, panel::q6_k>;    // bits to a quantum
  static constexpr bool single = std::is_same_v<Format, panel::i8>;  // scales of single precision

  static constexpr int depth = 64, octets = depth / 8;
  static constexpr int parts = Format::depth / depth;           ///< of a slab
  static constexpr int header_bytes = parts > 1 ? 64 : 0;       ///< at its beginning, for all of its parts
  static constexpr int part_bytes = (Format::bytes - header_bytes) / parts;
  static constexpr int words = wide ? 2 : 1;                    ///< of an octet: in lines words * octet, ... of 64 bytes, 4 to a row
  static constexpr int lines = octets * words;
  static constexpr int factors_at = lines * 64 + (six ? 256 : 0);  ///< what scales them, after the lines; q6_k: after four lines of high bits

  /// What a row's quanta become: scale * (quantum + base) + addend.
  struct factors {
    float scale, addend;
  };
  /// What scales an octet of `Rows` (1, 2 or 4) neighbouring rows, as it is stored: asked for early, converted late.
  template <int Rows>
  struct stored_factors {
    bits_of<(single ? 4 : 2) * Rows> scales, mins;  // of q4_k and q6_k: of their 256 values
    std::uint32_t steps, min_steps;                 // bytes of the rows

    /// Those of rows `row`, a multiple of Rows, and further.
    template <class Part, class Header>
    TENON_BOTH TENON_INLINE void load(const Part& part, const Header& header, int row, int octet) {
      using each = decltype(scales);
      if constexpr (single)
        scales = part.template load<each>(factors_at + octet / 4 * 64 + 4 * row);
      else if constexpr (parts == 1)
        scales = part.template load<each>(factors_at + octet / 4 * 32 + 2 * row);
      else
        scales = header.template load<each>(2 * row), steps = bytes<Rows>(part, factors_at + (least ? octet / 4 : octet / 2) * 16 + row);
      if constexpr (least && parts == 1) mins = part.template load<each>(factors_at + 64 + octet / 4 * 32 + 2 * row);
      if constexpr (least && parts > 1) mins = header.template load<each>(32 + 2 * row), min_steps = bytes<Rows>(part, factors_at + 32 + octet / 4 * 16 + row);
    }
    /// Of the r-th of the rows. Exact but for a minimum, which meets its constant with an error of at most 2^-17 quanta.
    template <class Leaf>
    TENON_BOTH TENON_INLINE factors of(int r) const {
      if constexpr (single) {
        return {bit_cast<float>(word_of(scales, r)), 0.0f};
      } else {
        float scale = half<Leaf>(scales, r);
        if constexpr (least && parts > 1) scale *= above_128<Leaf>(steps, r) - 128.0f;
        if constexpr (six) scale *= byte_above_32768<Leaf>(steps ^ 0x80808080u, r) - 32896.0f;  // signed
        if constexpr (least) return {scale, __builtin_fmaf(-base, scale, half<Leaf>(mins, r) * (parts > 1 ? above_128<Leaf>(min_steps, r) - 128.0f : 1.0f))};
        return {scale, scale * -(base + static_cast<float>(Format::offset))};
      }
    }
  };

  /// Values 4 half, ... + 3 of an octet of one row; Half 0 or 1. `quanta`: its words; `high`: of q6_k the word of high bits, moved down by 4
  /// where the octet is odd.
  template <class Leaf, int Half>
  TENON_BOTH TENON_INLINE static void numbers(const std::uint32_t (&quanta)[words], [[maybe_unused]] std::uint32_t high, const factors& by, float (&to)[4]) {
    if constexpr (wide) {
      TENON_UNROLL for (int i = 0; i < 4; ++i) {
        const float above = byte_above_32768<Leaf>(quanta[Half], i);
        to[i] = single ? (above - 32896.0f) * by.scale : __builtin_fmaf(above, by.scale, by.addend);  // a scale of f16 times 32896 is exact
      }
    } else {
      std::uint32_t bytes = (quanta[0] >> (4 * Half)) & 0x0f0f0f0fu;
      if constexpr (six) bytes |= (Half == 0 ? high << 4 : high << 2) & 0x30303030u;
      TENON_UNROLL for (int i = 0; i < 4; ++i) to[i] = __builtin_fmaf(above_128<Leaf>(bytes, i), by.scale, by.addend);
    }
  }
  /// The same as pairs of bf16, each rounded once.
  template <class Leaf, int Half>
  TENON_BOTH TENON_INLINE static void pairs(const std::uint32_t (&quanta)[words], std::uint32_t high, const factors& by, std::uint32_t (&to)[2]) {
    float value[4];
    numbers<Leaf, Half>(quanta, high, by, value);
    to[0] = Leaf::pack_bf16(value[0], value[1]), to[1] = Leaf::pack_bf16(value[2], value[3]);
  }

 private:
  static constexpr float base = wide ? 32768.0f : 128.0f;

  template <class Leaf, class Bits>
  TENON_BOTH TENON_INLINE static float half(const Bits& bits, int row) {
    return Leaf::from_f16(word_of(bits, row / 2) >> (row % 2 * 16));
  }
  template <int Rows, class Part>
  TENON_BOTH TENON_INLINE static std::uint32_t bytes(const Part& part, int offset) {
    if constexpr (Rows == 1)
      return part.template load<std::uint16_t>(offset & ~1) >> (offset % 2 * 8);
    else
      return part.template load<bits_of<Rows>>(offset);
  }
  /// Byte i of a word, at most 127, plus 128: it is the upper part of the fraction of a float from 128 to 255.
  template <class Leaf>
  TENON_BOTH TENON_INLINE static float above_128(std::uint32_t word, int i) {
    return bit_cast<float>(Leaf::permute_bytes(word, 0x43000000u, 0x7054u + static_cast<std::uint32_t>(i) * 0x100u));
  }
};

/// Calls f(format) with how a GPU holds weights stored as `kind`.
template <class F>
TENON_INLINE decltype(auto) with_device_weights(storage kind, F&& f) {
  switch (kind) {
    case storage::f32:
    case storage::f16:
    case storage::bf16:
    case storage::e4m3: return f(bf16_rows{});
    default: return with_integer_panel(kind, f);
  }
}

TENON_KERNELS_END
