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
template <class Leaf>
struct lane_weights<Leaf, bf16_rows> {
  bits128 pairs[4];  // of each row

  /// A row past the last is read as the last; what lies beyond the depth is zeros.
  TENON_BOTH TENON_INLINE void load(const std::byte* rows, index_t pitch, int part, int octet, int quarter, int left, int deep) {
    const int first = part * 64 + octet * 8;
    TENON_UNROLL for (int r = 0; r < 4; ++r) {
      const int row = 4 * quarter + r;
      pairs[r] = first < deep ? Leaf::load(reinterpret_cast<const bits128*>(rows + (row < left ? row : left - 1) * (pitch / 16) + 2 * first)) : bits128{};
    }
  }
  TENON_BOTH TENON_INLINE void numbers(int row, int, float (&low)[4], float (&above)[4]) const {
    TENON_UNROLL for (int i = 0; i < 4; ++i) {
      const std::uint32_t pair = pairs[row].word[i];
      float* const to = i < 2 ? low + 2 * i : above + 2 * (i - 2);
      to[0] = bit_cast<float>(pair << 16), to[1] = bit_cast<float>(pair & 0xffff0000u);
    }
  }
};

TENON_KERNELS_END
