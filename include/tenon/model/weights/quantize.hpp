#pragma once
// Floats to stored blocks, for the writers. Deterministic: the same bits from every compiler and flag, because products that an
// addition follows are exact in double, so that it makes no difference whether the compiler fuses them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

/// The block of 32 finite values with the largest magnitude at 127: d = amax / 127, q = x / d rounded half away from zero.
inline blocks::q8_0 quantize_q8_0(const float* x) {
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::abs(x[i]));
  const float d = largest / 127, inverse = d == 0 ? 0 : 1 / d;
  blocks::q8_0 out{};
  out.d = f16(d);
  for (int i = 0; i < 32; ++i) out.q[i] = static_cast<std::int8_t>(std::round(x[i] * inverse));
  return out;
}

/// The block with the value of largest magnitude, the first of them, at -8: d = that / -8, q = x / d + 8 rounded, at most 15.
inline blocks::q4_0 quantize_q4_0(const float* x) {
  float extreme = 0;
  for (int i = 0; i < 32; ++i)
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  const float d = extreme / -8, inverse = d == 0 ? 0 : 1 / d;
  const auto level = [&](float value) { return std::min(15, static_cast<int>(static_cast<double>(value) * static_cast<double>(inverse) + 8.5)); };
  blocks::q4_0 out{};
  out.d = f16(d);
  for (int i = 0; i < 16; ++i) out.q[i] = static_cast<std::uint8_t>(level(x[i]) | (level(x[i + 16]) << 4));
  return out;
}

/// The block from least to largest: m = min, d = (max - min) / 15, q = (x - m) / d rounded.
inline blocks::q4_1 quantize_q4_1(const float* x) {
  const auto [least, largest] = std::minmax_element(x, x + 32);
  const float m = *least, d = (*largest - m) / 15, inverse = d == 0 ? 0 : 1 / d;
  const auto level = [&](float value) { return std::min(15, static_cast<int>(static_cast<double>(value - m) * static_cast<double>(inverse) + 0.5)); };
  blocks::q4_1 out{};
  out.d = f16(d), out.m = f16(m);
  for (int i = 0; i < 16; ++i) out.q[i] = static_cast<std::uint8_t>(level(x[i]) | (level(x[i + 16]) << 4));
  return out;
}

/// `values` [row, column] as the bytes of a stored matrix of `kind`: F32, F16, BF16, F8_E4M3 (rounded to nearest even), Q8_0,
/// Q4_0 or Q4_1 (whose rows are whole blocks of 32). Throws tenon::error for any other kind and for broken blocks.
inline std::vector<std::byte> quantize(storage kind, view<const float, 2> values) {
  const index_t rows = values.extent[0], columns = values.extent[1];
  if (columns % block_values(kind) != 0)
    throw error("rows of ", columns, " values are no whole blocks of ", block_values(kind), " (", name(kind), "). Fix: another storage for this matrix.");
  std::vector<std::byte> out(static_cast<std::size_t>(rows) * row_bytes(kind, columns));
  std::byte* at = out.data();
  const auto put = [&](const auto& block) { std::memcpy(at, &block, sizeof block), at += sizeof block; };
  for (index_t r = 0; r < rows; ++r) {
    std::vector<float> row(static_cast<std::size_t>(columns));
    for (index_t c = 0; c < columns; ++c) {
      row[static_cast<std::size_t>(c)] = values(r, c);
      if (block_values(kind) > 1 && !std::isfinite(values(r, c))) throw error("value ", c, " of row ", r, " is not finite, which ", name(kind), " cannot hold. Fix: check where the values come from.");
    }
    for (const float* x = row.data(); x < row.data() + columns; x += block_values(kind)) switch (kind) {
        case storage::f32: put(*x); break;
        case storage::f16: put(f16(*x)); break;
        case storage::bf16: put(bf16(*x)); break;
        case storage::e4m3: put(e4m3(*x)); break;
        case storage::q8_0: put(quantize_q8_0(x)); break;
        case storage::q4_0: put(quantize_q4_0(x)); break;
        case storage::q4_1: put(quantize_q4_1(x)); break;
        default: throw error("tenon does not quantise to ", name(kind), ". Fix: F16, BF16, Q8_0, Q4_0 or Q4_1.");
      }
  }
  return out;
}

}  // namespace tenon
