#pragma once
// How weights are packed for a GPU: integers in the panels of processors, byte for byte, floats of every kind as rows of bf16; where products multiply numbers of 8
// bits, as rows of these. Written by the host.

#include <cstdint>
#include <type_traits>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/shared/device_panel.hpp>
#include <tenon/kernels/shared/quantised.hpp>

TENON_KERNELS_BEGIN

template <device_machine Machine>
inline constexpr bool multiplies_e4m3<Machine> = words_of<typename Machine::arch>::template multiplies<e4m3>;

namespace kernel_detail {

/// Calls f(format) with how Machine packs weights stored as `kind` for products computed as `how`. Forms: what may be asked for. Throws tenon::error for e4m3 where
/// there is no such instruction.
template <form_set Forms, device_machine Machine, class F>
decltype(auto) with_packing(const Machine&, storage kind, compute how, F&& f) {
  using words = words_of<typename Machine::arch>;
  if (!multiplies_e4m3<Machine> && how == compute::e4m3)
    throw error("[compute] is e4m3, for which ", Machine::arch::name, " has no instruction. Fix: compute::bf16, or a GPU that multiplies e4m3: sm_89 or newer, gfx942 or gfx1201.");
  if constexpr (!words::template multiplies<bf16>) {
    return f(number_rows<f16>{});
  } else {
    if constexpr ((Forms & set_of(form::int8)) != 0 && words::template multiplies<std::int8_t>)
      if (kind == storage::i8 && how == compute::int8) return f(number_rows<std::int8_t>{});
    if constexpr ((Forms & set_of(form::e4m3)) != 0 && multiplies_e4m3<Machine>)
      if (form_of(kind, how) == form::e4m3) return f(number_rows<e4m3>{});
    return with_device_weights(kind, f);
  }
}
/// The same of a packed matrix. Throws tenon::error for rows of 8 bits that are not among Forms.
template <form_set Forms, device_machine Machine, class F>
decltype(auto) with_packed(const Machine& machine, const packed_matrix& w, F&& f) {
  if (w.as == packed_as::stored) return with_packing<Forms>(machine, w.kind, compute::bf16, f);
  const compute how = w.kind == storage::i8 ? compute::int8 : compute::e4m3;
  if ((Forms & set_of(form_of(w.kind, how))) == 0) throw error("[matmul] was compiled without the arithmetic that its weights were packed for. Fix: name its form in Forms.");
  return with_packing<Forms>(machine, w.kind, how, f);
}

/// Bytes of 16 rows of packed weights.
template <class Format>
index_t pitch_of(index_t depth) {
  if constexpr (lies_in_rows<Format>)
    return panel::columns * Format::stride(depth) * static_cast<index_t>(sizeof(typename Format::number));
  else
    return (depth + Format::depth - 1) / Format::depth * Format::bytes;
}

/// Row i of a matrix as numbers of 8 bits at `to`, `padded` of them, and their scale behind them: its own numbers where they are such and share a scale, else rounded
/// (once more, where they had scales of their own). floats: room for a row.
template <class Number>
void pack_row_of_8_bits(const stored_matrix& matrix, index_t i, float* floats, std::byte* to, index_t padded) {
  auto* const numbers = reinterpret_cast<Number*>(to);
  float scale = 1;
  if (matrix.kind == (std::is_same_v<Number, e4m3> ? storage::e4m3 : storage::i8) && (matrix.scales == nullptr || matrix.scale_columns >= matrix.columns)) {
    __builtin_memcpy(to, matrix.row(i), static_cast<std::size_t>(matrix.columns));
    if (matrix.scales != nullptr) scale = matrix.scales[i / matrix.scale_rows];
  } else {
    matrix.decode_row(i, floats);
    std::uint32_t peak = 0;
    for (index_t k = 0; k < matrix.columns; ++k) {
      const std::uint32_t bits = bit_cast<std::uint32_t>(floats[k]) & 0x7fffffffu;
      peak = bits > peak ? bits : peak;
    }
    const shared_scale<Number> of(peak);
    for (index_t k = 0; k < matrix.columns; ++k) to[k] = static_cast<std::byte>(of.bits(floats[k]));
    scale = of.scale;
  }
  for (index_t k = matrix.columns; k < padded; ++k) numbers[k] = Number{};
  __builtin_memcpy(to + padded, &scale, sizeof scale);
}
}  // namespace kernel_detail

template <device_machine Machine>
std::size_t packed_bytes(const Machine& machine, storage kind, compute how, index_t rows, index_t depth) {
  return kernel_detail::with_packing<every_form>(machine, kind, how, [&](auto format) {
    using Format = decltype(format);
    const index_t whole = lies_in_rows<Format> ? rows : kernel_detail::tiles(rows, panel::columns) * panel::columns;
    return round_up(static_cast<std::size_t>(whole * (kernel_detail::pitch_of<Format>(depth) / panel::columns)), 64);
  });
}
/// Written by the host, which calls `done` every 4 MiB or so. `how` is followed where it is e4m3 of floats, or int8 of i8; else it is kept.
template <device_machine Machine>
packed_matrix pack(const Machine& machine, const stored_matrix& matrix, compute how, std::byte* where, const read_until_here& done = {}) {
  kernel_detail::check(matrix);
  return kernel_detail::with_packing<every_form>(machine, matrix.kind, how, [&](auto format) -> packed_matrix {
    using Format = decltype(format);
    if constexpr (!lies_in_rows<Format>) {
      packed_matrix out = pack(cpu_scalar(), matrix, compute::int8, where, done);
      out.how = how;
      return out;
    } else {
      using number = typename Format::number;
      const index_t stride = Format::stride(matrix.columns), often = stride == 0 ? 1 : 1 + (index_t{4} << 20) / (stride * static_cast<index_t>(sizeof(number)));
      const buffer room(static_cast<std::size_t>(matrix.columns) * sizeof(float), "a row of weights");
      auto* const floats = reinterpret_cast<float*>(room.data());
      for (index_t i = 0; i < matrix.rows; ++i) {
        std::byte* const row = where + i * stride * static_cast<index_t>(sizeof(number));
        if constexpr (Format::scaled) {
          kernel_detail::pack_row_of_8_bits<number>(matrix, i, floats, row, Format::padded(matrix.columns));
        } else {
          matrix.decode_row(i, floats);
          for (index_t j = 0; j < stride; ++j) reinterpret_cast<number*>(row)[j] = number(j < matrix.columns ? floats[j] : 0.0f);
        }
        if ((i + 1) % often == 0 || i + 1 == matrix.rows) done();
      }
      if constexpr (Format::scaled)
        return {std::is_same_v<number, e4m3> ? storage::e4m3 : storage::i8, how, matrix.rows, matrix.columns, where, packed_as::rows_of_8_bits};
      else
        return {std::is_same_v<number, bf16> ? storage::bf16 : storage::f16, how, matrix.rows, matrix.columns, where};
    }
  });
}

/// A head that is packed is the table too, but for rows of 8 bits: `embed` reads rows of panels. Of a head that is yet to be packed `how` must be set.
template <device_machine Machine>
std::size_t lookup_bytes(const Machine& machine, const stored_matrix& stored, const packed_matrix* head) {
  const auto is_table = [&] {
    return kernel_detail::with_packing<every_form>(machine, stored.kind, head->how, [](auto format) {
      if constexpr (lies_in_rows<decltype(format)>)
        return !format.scaled;
      else
        return true;
    });
  };
  return head != nullptr && is_table() ? 0 : packed_bytes(machine, stored.kind, compute::bf16, stored.rows, stored.columns);
}
template <device_machine Machine>
stored_matrix lookup_table(const Machine& machine, const stored_matrix& stored, const packed_matrix* head, std::byte* where) {
  const packed_matrix table = head != nullptr && head->as == packed_as::stored ? *head : pack(machine, stored, compute::bf16, where);
  return {.kind = table.kind, .rows = table.rows, .columns = table.depth, .bytes = table.data};
}

TENON_KERNELS_END
