#pragma once
// The definition of a product, in double: what every machine is checked against.

#include <tenon/core/storage.hpp>
#include <tenon/core/view.hpp>

namespace tenon::reference {

/// sum over k of x[k] w[row, k]. `row_values` is room for one decoded row: w.columns floats.
inline double dot(const float* x, const stored_matrix& w, index row, float* row_values) {
  w.decode_row(row, row_values);
  double sum = 0;
  for (index k = 0; k < w.columns; ++k) sum += static_cast<double>(x[k]) * static_cast<double>(row_values[k]);
  return sum;
}

/// out[token, row] = sum over k of x[token, k] w[row, k] + bias[row] (bias may be null).
inline void matmul(const view<const float, 2>& x, const stored_matrix& w, const float* bias, const view<double, 2>& out, float* row_values) {
  for (index row = 0; row < w.rows; ++row)
    for (index t = 0; t < x.extent[0]; ++t) out(t, row) = dot(&x(t, 0), w, row, row_values) + (bias == nullptr ? 0.0 : static_cast<double>(bias[row]));
}

}  // namespace tenon::reference
