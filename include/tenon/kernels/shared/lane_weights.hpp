#pragma once
// Weights on their way from memory through one lane of a GPU: eight of the depth of four rows, asked for by 16 bytes, used as floats.

#include <tenon/kernels/shared/device_panel.hpp>

TENON_KERNELS_BEGIN

/// An octet of four rows of w in one lane. Pitch: bytes of 16 rows.
template <class Leaf, class Format>
struct lane_weights {
  using format = device_panel<Format>;
  bits128 quanta[format::words], high;
  typename format::template stored_factors<4> factors;

  /// Of part `part`, 64 deep, of rows 4 quarter and further of a panel.
  TENON_BOTH TENON_INLINE void load(const std::byte* panel, index_t, int part, int octet, int quarter, int, int) {
    const memory_reader<Leaf> slab{panel + index_t{part / format::parts} * Format::bytes};
    const memory_reader<Leaf> from{slab.at + format::header_bytes + part % format::parts * format::part_bytes};
    TENON_UNROLL for (int i = 0; i < format::words; ++i) quanta[i] = from.template load<bits128>((octet * format::words + i) * 64 + quarter * 16);
    if constexpr (format::six) high = from.template load<bits128>(format::lines * 64 + octet / 2 * 64 + quarter * 16);
    factors.load(from, slab, 4 * quarter, octet);
  }
  TENON_BOTH TENON_INLINE void numbers(int row, int octet, float (&low)[4], float (&above)[4]) const {
    const auto by = factors.template of<Leaf>(row);
    std::uint32_t of_row[format::words];
    TENON_UNROLL for (int i = 0; i < format::words; ++i) of_row[i] = quanta[i].word[row];
    const std::uint32_t high_bits = format::six ? high.word[row] >> (octet % 2 * 4) : 0u;
    format::template numbers<Leaf, 0>(of_row, high_bits, by, low), format::template numbers<Leaf, 1>(of_row, high_bits, by, above);
  }
};
template <class Leaf, class Number>
struct lane_weights<Leaf, number_rows<Number>> {
  using rows_type = number_rows<Number>;
  static constexpr int bytes = 8 * static_cast<int>(sizeof(Number));
  bits_of<bytes> octets[4];  // of each row
  float scales[4];

  /// A row past the last is read as the last; what lies beyond the depth is zeros.
  TENON_BOTH TENON_INLINE void load(const std::byte* rows, index_t pitch, int part, int octet, int quarter, int left, int deep) {
    const int first = part * 64 + octet * 8;
    TENON_UNROLL for (int r = 0; r < 4; ++r) {
      const int row = 4 * quarter + r;
      const std::byte* const at = rows + (row < left ? row : left - 1) * (pitch / 16);
      octets[r] = first < deep ? Leaf::load(reinterpret_cast<const bits_of<bytes>*>(at + first * static_cast<int>(sizeof(Number)))) : bits_of<bytes>{};
      if constexpr (rows_type::scaled) scales[r] = Leaf::load(reinterpret_cast<const float*>(at + rows_type::padded(deep)));
    }
  }
  TENON_BOTH TENON_INLINE void numbers(int row, int, float (&low)[4], float (&above)[4]) const {
    TENON_UNROLL for (int i = 0; i < 4; ++i) low[i] = number(row, i), above[i] = number(row, 4 + i);
  }

 private:
  TENON_BOTH TENON_INLINE float number(int row, int i) const {
    constexpr int per_word = 4 / static_cast<int>(sizeof(Number));
    const std::uint32_t word = octets[row].word[i / per_word];
    if constexpr (std::is_same_v<Number, bf16>) {
      return bit_cast<float>(i % 2 == 0 ? word << 16 : word & 0xffff0000u);
    } else if constexpr (std::is_same_v<Number, f16>) {
      return Leaf::from_f16(word >> (i % 2 * 16));
    } else if constexpr (std::is_same_v<Number, e4m3>) {
      // Sign, exponent and fraction of an f16, but for its bias: 2^8 too little.
      const std::uint32_t byte = word >> (i % 4 * 8) & 0xffu;
      const float value = Leaf::from_f16((byte & 0x80u) << 8 | (byte & 0x7fu) << 7) * 256.0f;
      return ((byte & 0x7fu) == 0x7fu ? bit_cast<float>(0x7fc00000u) : value) * scales[row];
    } else {
      return static_cast<float>(static_cast<std::int32_t>(word << (24 - i % 4 * 8)) >> 24) * scales[row];
    }
  }
};

TENON_KERNELS_END
