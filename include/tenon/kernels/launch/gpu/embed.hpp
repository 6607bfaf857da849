#pragma once
// Rows of the embedding table on a GPU: out[t, i] = table[tokens[t], i]. A block per token; moves what a row takes as it is packed, and 4 bytes per value.

#include <tenon/core/bit_cast.hpp>
#include <tenon/kernels/launch/embed.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/device_block.hpp>
#include <tenon/kernels/shared/device_panel.hpp>

TENON_KERNELS_BEGIN

/// Grid: x = tokens.
template <class Leaf>
struct embed_body {
  static constexpr int threads = 128;
  const bf16* table;           ///< [row, width], rows `stride` apart and aligned to 8 bytes
  const std::int32_t* tokens;  ///< [token], in memory, each a row of the table
  kernel_detail::device_floats<float> out;
  index_t stride;
  int width;

  TENON_BOTH TENON_INLINE void operator()() const {
    const bf16* const row = table + Leaf::load(tokens + Leaf::block_x()) * stride;
    for (int i = 4 * Leaf::thread(); i < width; i += 4 * threads) {
      const bits64 four = Leaf::load(reinterpret_cast<const bits64*>(row + i));
      float value[4];
      for (int e = 0; e < 4; ++e) value[e] = bit_cast<float>(e % 2 == 0 ? four.word[e / 2] << 16 : four.word[e / 2] & 0xffff0000u);
      store_four<Leaf>(out.data + Leaf::block_x() * out.stride + i, out.wide, width - i, value);
    }
  }
};

/// The same of a table in panels of Format. Grid: x = tokens.
template <class Leaf, class Format>
struct embed_panel_body {
  static constexpr int threads = 128;
  const std::byte* table;
  const std::int32_t* tokens;
  kernel_detail::device_floats<float> out;
  index_t pitch;  ///< bytes of a panel
  int width;

  TENON_BOTH TENON_INLINE void operator()() const {
    using format = device_panel<Format>;
    const std::int32_t row = Leaf::load(tokens + Leaf::block_x());
    const int column = row % panel::columns;
    const std::byte* const first = table + row / panel::columns * pitch;
    for (int i = Leaf::thread(); 8 * i < width; i += threads) {
      const int part = i / format::octets, octet = i % format::octets;
      const memory_reader<Leaf> slab{first + index_t{part / format::parts} * Format::bytes}, from{slab.at + format::header_bytes + part % format::parts * format::part_bytes};
      std::uint32_t quanta[format::words], high = 0;
      for (int w = 0; w < format::words; ++w) quanta[w] = from.template load<std::uint32_t>((octet * format::words + w) * 64 + 4 * column);
      if constexpr (format::six) high = from.template load<std::uint32_t>(format::lines * 64 + octet / 2 * 64 + 4 * column) >> (octet % 2 * 4);
      typename format::template stored_factors<1> factors;
      factors.load(from, slab, column, octet);
      const auto by = factors.template of<Leaf>(0);
      float low[4], above[4];
      format::template numbers<Leaf, 0>(quanta, high, by, low), format::template numbers<Leaf, 1>(quanta, high, by, above);
      float* const to = out.data + Leaf::block_x() * out.stride + 8 * i;
      store_four<Leaf>(to, out.wide, width - 8 * i, low), store_four<Leaf>(to + 4, out.wide, width - 8 * i - 4, above);
    }
  }
};

/// As on a processor, over memory of the machine: the table as lookup_table leaves it, tokens in memory of the machine and not looked at here.
template <device_machine Machine>
void embed(const Machine& machine, const stored_matrix& table, const std::int32_t* tokens, view<float, 2> out) {
  kernel_detail::check_embed(table, out);
  if (out.extent[0] == 0) return;
  with_device_weights(table.kind, [&](auto format) {
    using Format = decltype(format);
    using leaf = typename Machine::leaf;
    const kernel_detail::device_floats<float> to(out);
    const int width = static_cast<int>(table.columns), count = static_cast<int>(out.extent[0]);
    if constexpr (std::is_same_v<Format, bf16_rows>)
      kernel_detail::launch(machine, count, 1, embed_body<leaf>{reinterpret_cast<const bf16*>(table.bytes), tokens, to, bf16_rows::padded(table.columns), width});
    else
      kernel_detail::launch(machine, count, 1, embed_panel_body<leaf, Format>{table.bytes, tokens, to, (table.columns + Format::depth - 1) / Format::depth * Format::bytes, width});
  });
}

TENON_KERNELS_END
