#pragma once
// Rows of the embedding table on a GPU: out[t, i] = table[tokens[t], i]. A block per token; moves 6 bytes per value.

#include <tenon/core/bit_cast.hpp>
#include <tenon/kernels/launch/embed.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/shared/device_block.hpp>

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

/// As on a processor, over memory of the machine: the table as lookup_table leaves it, tokens in memory of the machine and not looked at here.
template <device_machine Machine>
void embed(const Machine& machine, const stored_matrix& table, const std::int32_t* tokens, view<float, 2> out) {
  kernel_detail::check_embed(table, out);
  if (out.extent[0] == 0) return;
  kernel_detail::launch(machine, static_cast<int>(out.extent[0]), 1,
                        embed_body<typename Machine::leaf>{reinterpret_cast<const bf16*>(table.bytes), tokens, kernel_detail::device_floats<float>(out), (table.columns + 7) / 8 * 8,
                                                           static_cast<int>(table.columns)});
}

TENON_KERNELS_END
