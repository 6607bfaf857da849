#pragma once
// The definition of a product, in double: what every machine is checked against.

#include <bit>
#include <cstdint>

#include <tenon/core/number.hpp>
#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>
#include <tenon/policies/precision.hpp>

namespace tenon::reference {

/// What integer products make of values that share a scale: q = x * (largest / amax), to the nearest integer, ties to even, in float; each value
/// is then amax / largest * q. With an infinity or NaN among them all become NaN; amax below 2^-110 gives zeros.
inline void quantise(const float* x, index_t count, float largest, double* out) {
  std::uint32_t peak = 0;
  for (index_t i = 0; i < count; ++i) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu;
    peak = bits > peak ? bits : peak;
  }
  const float amax = std::bit_cast<float>(peak);
  const bool finite = peak < 0x7f800000u, tiny = peak < 0x08800000u;
  for (index_t i = 0; i < count; ++i)
    out[i] = !finite ? static_cast<double>(std::bit_cast<float>(0x7fc00000u))
             : tiny  ? 0.0
                     : static_cast<double>(amax / largest) * static_cast<double>(__builtin_rintf(x[i] * (largest / amax)));
}

/// out[token, row] = sum over k of x[token, k] w[row, k] + bias[row] (bias may be null), with x and w as `how` sees them. `row` and
/// `token`: room for w.columns values each.
inline void matmul(const view<const float, 2>& x, const stored_matrix& w, compute how, const float* bias, const view<double, 2>& out,
                   float* row, double* token) {
  for (index_t t = 0; t < x.extent[0]; ++t) {
    const index_t shared = how == compute::int8x2 ? 512 : 32;
    for (index_t k = 0; k < w.columns; k += shared) {
      const index_t count = w.columns - k < shared ? w.columns - k : shared;
      if (how == compute::int8 || how == compute::int8x2) {
        quantise(&x(t, k), count, how == compute::int8 ? 127.0f : 16256.0f, token + k);
        continue;
      }
      for (index_t i = k; i < k + count; ++i)
        token[i] = static_cast<double>(how == compute::bf16 ? static_cast<float>(bf16(x(t, i))) : x(t, i));
    }
    for (index_t r = 0; r < w.rows; ++r) {
      w.decode_row(r, row);
      double sum = bias == nullptr ? 0.0 : static_cast<double>(bias[r]);
      for (index_t k = 0; k < w.columns; ++k)
        sum += token[k] * static_cast<double>(how == compute::bf16 ? static_cast<float>(bf16(row[k])) : row[k]);
      out(t, r) = sum;
    }
  }
}

}  // namespace tenon::reference
