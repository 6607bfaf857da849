#pragma once
// A random model whose blocks have weights of 8 bits.

#include <cmath>
#include <cstdint>
#include <deque>
#include <vector>

#include "random_model.hpp"

namespace tenon_test {

/// The matrices of the blocks as F8_E4M3 with one scale per 128 x 128, or as I8 with one scale per row; and what they then mean, as F32.
struct narrow_model {
  narrow_model(const random_model& model, tenon::storage kind) {
    for (const tenon::stored_tensor& t : model.tensors()) {
      narrow.push_back(t), wide.push_back(t);
      if (t.shape.size() != 2 || !t.name.starts_with("blk.")) continue;
      const bool tiles = kind == tenon::storage::e4m3;
      const tenon::index_t rows = t.matrix.rows, columns = t.matrix.columns, scale_rows = tiles ? 128 : 1, scale_columns = tiles ? 128 : columns;
      const tenon::index_t across = (columns + scale_columns - 1) / scale_columns;
      const auto scale_at = [&](tenon::index_t r, tenon::index_t c) { return static_cast<std::size_t>(r / scale_rows * across + c / scale_columns); };
      std::vector<float> row(static_cast<std::size_t>(columns));
      std::vector<float>& scales = floats.emplace_back(scale_at(rows - 1, columns - 1) + 1);
      std::vector<std::byte>& quanta = bytes.emplace_back();
      const auto each = [&](auto&& f) {
        for (tenon::index_t r = 0; r < rows; ++r) {
          t.matrix.decode_row(r, row.data());
          for (tenon::index_t c = 0; c < columns; ++c) f(row[static_cast<std::size_t>(c)], scales[scale_at(r, c)]);
        }
      };
      each([&](float x, float& scale) { scale = std::max(scale, std::abs(x) / (tiles ? 448.0f : 127.0f)); });
      each([&](float x, float scale) { quanta.push_back(tiles ? static_cast<std::byte>(tenon::e4m3(x / scale).bits) : static_cast<std::byte>(static_cast<std::int8_t>(std::round(x / scale)))); });
      tenon::stored_matrix& m = narrow.back().matrix;
      m = {.kind = kind, .rows = rows, .columns = columns, .bytes = quanta.data(), .scales = scales.data(), .scale_rows = scale_rows, .scale_columns = scale_columns};
      std::vector<float>& meaning = floats.emplace_back(static_cast<std::size_t>(rows * columns));
      for (tenon::index_t r = 0; r < rows; ++r) m.decode_row(r, meaning.data() + r * columns);
      wide.back().matrix.bytes = reinterpret_cast<const std::byte*>(meaning.data());
    }
  }
  std::deque<std::vector<float>> floats;
  std::deque<std::vector<std::byte>> bytes;
  std::vector<tenon::stored_tensor> narrow, wide;
};

}  // namespace tenon_test
