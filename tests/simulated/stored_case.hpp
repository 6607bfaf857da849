#pragma once
// Random products with weights as files store them, as GPU kernels take them, with the answer in double.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/shared/device_panel.hpp>

#include "../parity/matmul_cases.hpp"

namespace tenon::testing {

/// x [token, depth] and w [row, depth], packed in panels. Bytes beyond the last of each array are not registered.
struct stored_case {
  static constexpr std::size_t slack = 64;  // elements beyond each array that belong to nobody
  int tokens, rows, depth;
  matmul_cases::matrix w;
  std::vector<float> x, bias, out;
  buffer panels;
  std::size_t panel_pitch = 0;

  stored_case(storage kind, int t, int r, int k, std::mt19937& random)
      : tokens(t), rows(r), depth(k), w(kind, r, k, random), x(matmul_cases::random_values(count(t, k), random)),
        bias(matmul_cases::random_values(count(r, 1), random)), out(count(t, r) + slack) {
    x.resize(x.size() + slack), bias.resize(bias.size() + slack);
    const int panel_count = (rows + panel::columns - 1) / panel::columns;
    with_device_weights(kind, [&](auto format) {
      using Format = decltype(format);
      if constexpr (std::is_same_v<Format, bf16_rows>) {
        panel_pitch = count(panel::columns, bf16_rows::padded(depth)) * sizeof(bf16);
        panels = buffer(count(panel_count, 1) * panel_pitch + 4096);
        std::vector<float> row(count(depth, 1));
        for (int i = 0; i < rows; ++i) {
          w.stored.decode_row(i, row.data());
          for (int j = 0; j < depth; ++j) reinterpret_cast<bf16*>(panels.data())[count(i, bf16_rows::padded(depth)) + count(j, 1)] = bf16(row[count(j, 1)]);
        }
      } else {
        const int slabs = (depth + Format::depth - 1) / Format::depth;
        panel_pitch = count(slabs, Format::bytes);
        panels = buffer(count(panel_count, 1) * panel_pitch + 4096);
        for (int p = 0; p < panel_count; ++p)
          for (int s = 0; s < slabs; ++s)
            panel::pack(format, w.stored, p * panel::columns, s * Format::depth, panels.data() + static_cast<std::size_t>(p) * panel_pitch + count(s, Format::bytes));
      }
    });
  }
  static std::size_t count(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }
  std::size_t panel_bytes() const {
    const bool as_rows = with_device_weights(w.stored.kind, [](auto format) { return std::is_same_v<decltype(format), bf16_rows>; });
    return as_rows ? count(rows, 1) * panel_pitch / panel::columns : count((rows + panel::columns - 1) / panel::columns, 1) * panel_pitch;
  }

  /// Registers all of it with a machine and fills `out` with what no product gives.
  template <class Machine>
  void show(const Machine& machine) {
    std::fill(out.begin(), out.end(), -7.0f);
    machine.readable(x.data(), count(tokens, depth) * sizeof(float), "x");
    machine.readable(bias.data(), count(rows, 1) * sizeof(float), "bias");
    machine.readable(panels.data(), panel_bytes(), "weights");
    machine.writable(out.data(), count(tokens, rows) * sizeof(float), "out");
  }

  /// The product in double, x exact or rounded to bf16; floats of other kinds are rounded to bf16, as they are packed.
  std::vector<double> want(bool rounded) const {
    std::vector<float> row(count(depth, 1));
    std::vector<double> to(count(tokens, rows));
    const bool real = with_device_weights(w.stored.kind, [](auto format) { return std::is_same_v<decltype(format), bf16_rows>; });
    for (int r = 0; r < rows; ++r) {
      w.stored.decode_row(r, row.data());
      if (real || rounded)
        for (float& value : row) value = static_cast<float>(bf16(value));
      for (int t = 0; t < tokens; ++t) {
        double sum = static_cast<double>(bias[count(r, 1)]);
        for (int k = 0; k < depth; ++k) {
          const float value = x[count(t, depth) + count(k, 1)];
          sum += static_cast<double>(rounded ? static_cast<float>(bf16(value)) : value) * static_cast<double>(row[count(k, 1)]);
        }
        to[count(t, rows) + count(r, 1)] = sum;
      }
    }
    return to;
  }
};

}  // namespace tenon::testing
