#pragma once
// Scales that a checkpoint stores as tensors of their own, beside the narrow weights they belong to.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/model/weights/in_quotes.hpp>
#include <tenon/model/weights/weights_file.hpp>

namespace tenon::detail {

/// Moves each "x.weight_scale_inv" (one factor per tile, DeepSeek-V3's block fp8) and "x.weight_scale" (one factor per
/// tensor, per row, or per row and group of columns) of `found` into the matrix "x.weight", which it multiplies. Names are as in the
/// checkpoint. Throws tenon::error where a scale has no matrix of F8_E4M3 or I8, or the wrong shape.
inline void attach_scales(weights_file::parts& found, index_t tile_rows, index_t tile_columns) {
  std::vector<stored_tensor> kept;
  std::vector<std::pair<std::string, stored_tensor>> scales;
  for (stored_tensor& t : found.tensors) {
    const std::string_view name = t.name;
    const std::size_t end = name.ends_with(".weight_scale_inv") ? name.size() - 10 : name.ends_with(".weight_scale") ? name.size() - 6 : 0;
    if (end != 0)
      scales.emplace_back(std::string(name.substr(0, end)), std::move(t));
    else
      kept.push_back(std::move(t));
  }
  found.tensors = std::move(kept);
  std::sort(found.tensors.begin(), found.tensors.end(), [](const stored_tensor& a, const stored_tensor& b) { return a.name < b.name; });
  for (auto& [weight, scale] : scales) {
    const auto at = std::lower_bound(found.tensors.begin(), found.tensors.end(), weight, [](const stored_tensor& t, const std::string& wanted) { return t.name < wanted; });
    const auto fault = [&](const std::string& expected, const std::string& wrong) {
      return error(shown(found.path), ": expected ", expected, ", found ", wrong, ". Fix: obtain or convert the model again.");
    };
    if (at == found.tensors.end() || at->name != weight) throw fault("a tensor " + in_quotes(weight) + " for the scales " + in_quotes(scale.name), "none");
    stored_matrix& m = at->matrix;
    if (m.kind != storage::e4m3 && m.kind != storage::i8) throw fault("tensor " + in_quotes(weight) + ", which has scales, to be F8_E4M3 or I8", name(m.kind));
    if (m.scales != nullptr) throw fault("one tensor of scales for " + in_quotes(weight), "two");
    if (block_values(scale.matrix.kind) != 1 || scale.matrix.kind == storage::e4m3 || scale.matrix.kind == storage::i8)
      throw fault("the scales " + in_quotes(scale.name) + " to be F32, F16 or BF16", name(scale.matrix.kind));
    const index_t rows = scale.matrix.rows, columns = scale.matrix.columns;
    if (scale.name.ends_with("_inv")) {
      m.scale_rows = tile_rows, m.scale_columns = tile_columns;
    } else {
      m.scale_rows = rows == 1 ? m.rows : 1;
      m.scale_columns = columns > 0 && m.columns % columns == 0 ? m.columns / columns : m.columns;
    }
    const auto tiles = [](index_t extent, index_t tile) { return (extent + tile - 1) / tile; };
    if (at->shape.size() != 2 || rows != tiles(m.rows, m.scale_rows) || columns != tiles(m.columns, m.scale_columns))
      throw fault("the scales " + in_quotes(scale.name) + " to have one value per tile of the matrix of " + std::to_string(m.rows) + " x " + std::to_string(m.columns) + " values",
                  std::to_string(rows) + " x " + std::to_string(columns));
    buffer& floats = found.owned.emplace_back(static_cast<std::size_t>(rows * columns) * sizeof(float), "the scales of the weights");
    auto* values = reinterpret_cast<float*>(floats.data());
    for (index_t r = 0; r < rows; ++r) scale.matrix.decode_row(r, values + r * columns);
    m.scales = values;
  }
}

}  // namespace tenon::detail
