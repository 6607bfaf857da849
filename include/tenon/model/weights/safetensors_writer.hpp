#pragma once
// Writes safetensors: for test models and for programs that convert. Layout: safetensors_header.hpp.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/model/weights/gguf_writer.hpp>
#include <tenon/model/weights/new_file.hpp>
#include <tenon/model/weights/published_name.hpp>
#include <tenon/model/weights/weights_file.hpp>

namespace tenon {

/// Writes one safetensors file of these tensors, under their published names and with rows in the published order. Scales
/// become a tensor beside theirs: "x.weight_scale_inv" where they stand for tiles of 128 x 128, else "x.weight_scale".
/// Throws tenon::error and leaves nothing behind when a tensor cannot be stored (GGUF's blocks) or the file cannot be written.
inline void write_safetensors(const std::string& path, std::span<const stored_tensor> tensors) {
  std::vector<stored_tensor> all;
  for (const stored_tensor& t : tensors) {
    all.push_back(t);
    all.back().name = published_name(t.name);
    const stored_matrix& m = t.matrix;
    if (block_values(m.kind) != 1) throw error(detail::shown(path), ": safetensors cannot hold tensor ", detail::in_quotes(t.name), " (", name(m.kind), "). Fix: convert it to F16 or BF16.");
    if (m.scales == nullptr) continue;
    const index_t rows = (m.rows + m.scale_rows - 1) / m.scale_rows, columns = (m.columns + m.scale_columns - 1) / m.scale_columns;
    const bool tiles = m.scale_rows == 128 && m.scale_columns == 128;
    if (!t.name.ends_with(".weight") || (!tiles && ((m.scale_rows != 1 && m.scale_rows != m.rows) || m.columns % m.scale_columns != 0)))
      throw error(detail::shown(path), ": safetensors has no name for the scales of tensor ", detail::in_quotes(t.name), ". Fix: scales per tile of 128 x 128, per row or per tensor of a '.weight'.");
    all.push_back({.name = all.back().name + (tiles ? "_scale_inv" : "_scale"),
                   .matrix = {.kind = storage::f32, .rows = rows, .columns = columns, .bytes = reinterpret_cast<const std::byte*>(m.scales)},
                   .shape = {rows, columns}});
  }
  detail::check_writable(path, all);

  // The format of the remark is what transformers wants to see.
  std::string header = R"({"__metadata__":{"format":"pt"})";
  std::uint64_t offset = 0;
  for (const stored_tensor& t : all) {
    header += ",\"";
    for (const char c : t.name) (c == '"' || c == '\\') ? (header += '\\') += c : header += c;
    header += std::string("\":{\"dtype\":\"") + name(t.matrix.kind) + "\",\"shape\":[";
    for (std::size_t axis = 0; axis < t.shape.size(); ++axis) header += (axis == 0 ? "" : ",") + std::to_string(t.shape[axis]);
    const std::uint64_t end = offset + detail::stored_bytes(t.matrix);
    header += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');  // so that the data begin at a multiple of 8

  new_file file(path);
  const std::uint64_t size = header.size();
  char bytes[sizeof size];
  std::memcpy(bytes, &size, sizeof size);
  file.write(std::string_view(bytes, sizeof size));
  file.write(header);
  for (const stored_tensor& t : all)
    for (index_t r = 0; r < t.matrix.rows; ++r) file.write({t.matrix.row(r), row_bytes(t.matrix.kind, t.matrix.columns)});
  file.commit();
}

}  // namespace tenon
