#pragma once
// Rows of the embedding table, decoded from how they are stored: out[t, i] = table[tokens[t], i].

#include <cstdint>

#include <tenon/core/fault.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/kernels/shared/rows.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
inline void check_embed(const stored_matrix& table, const view<float, 2>& out) {
  if (out.extent[1] != table.columns || out.stride[1] != 1)
    throw error("[embed] needs rows of ", table.columns, " neighbouring values, the width of the table, but has ", out.extent[1], ". Fix: pass a view [token, width].");
}
}  // namespace kernel_detail

/// out: [token, width], last stride 1; tokens: [token], each in [0, table.rows); table: [vocabulary, width], any storage.
/// Throws tenon::error for a token outside the table.
template <class Machine>
void embed(const Machine& machine, const stored_matrix& table, const std::int32_t* tokens, view<float, 2> out) {
  kernel_detail::check_embed(table, out);
  for (index_t t = 0; t < out.extent[0]; ++t)
    if (tokens[t] < 0 || tokens[t] >= table.rows)
      throw error("token ", tokens[t], " is outside the vocabulary of ", table.rows, ". Fix: use the tokenizer that belongs to this model.");
  for_rows(machine, out.extent[0], out.extent[1], [&](index_t first, index_t last) {
    for (index_t t = first; t < last; ++t) table.decode_row(tokens[t], out.data + t * out.stride[0]);
  });
}

TENON_KERNELS_END
