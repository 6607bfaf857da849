#pragma once
// A sink for sums of numbers that stand for themselves times a scale: int8 and fp8 operands, quantised by token and by row of the weights.

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN

/// sum * of_tokens[token] * of_rows[row] goes to `to`. Either may be null: 1. Scales of rows are `row_stride` apart.
template <class Leaf, class Sink>
struct scaled_sink {
  Sink to;
  const float *of_tokens, *of_rows;
  index_t row_stride;

  TENON_BOTH TENON_INLINE void bias_of(int row, float (&bias)[4]) const { to.bias_of(row, bias); }
  TENON_BOTH TENON_INLINE void store(int token, int row, const bits128& sums, const float (&bias)[4]) const {
    if (token >= to.tokens || row >= to.rows) return;
    const float of_token = of_tokens == nullptr ? 1.0f : Leaf::load(of_tokens + token);
    bits128 scaled;
    for (int e = 0; e < 4; ++e) {
      const float of_row = of_rows == nullptr || row + e >= to.rows ? 1.0f : Leaf::load(of_rows + (row + e) * row_stride);
      scaled.word[e] = bit_cast<std::uint32_t>(bit_cast<float>(sums.word[e]) * (of_token * of_row));
    }
    to.store(token, row, scaled, bias);
  }
};

TENON_KERNELS_END
