#pragma once
// A sink for sums of numbers of 8 bits, whose scales of x are in the sums and whose scales of w are not yet.

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN

/// Sums of one matrix, or of two, a gate's and what it opens, times their scales of rows go to `to`. Scales are `row_stride` apart; null: 1.
template <class Leaf, class Sink, int Matrices>
struct scaled_sink {
  static constexpr bool by_rows = false;
  Sink to;
  const float* of_rows[Matrices];
  index_t row_stride;

  /// Of the tile, those that are there.
  TENON_BOTH TENON_INLINE int row_count() const { return to.rows; }
  TENON_BOTH TENON_INLINE void bias_of(int row, float (&bias)[4]) const { to.bias_of(row, bias); }
  /// What `to` makes of the sums of a row of the gate and of what it opens, each times its scale.
  TENON_BOTH TENON_INLINE float open(int row, float first, float second) const {
    static_assert(Matrices == 2);
    return to.open(row, first * scale(0, row), second * scale(1, row));
  }
  /// The results of rows `row` to `row` + 3 of one token, which are not stored.
  TENON_BOTH TENON_INLINE void results(int token, int row, const bits128& sums, const float (&bias)[4], float (&value)[4]) const {
    to.results(token, row, scaled(row, sums), bias, value);
  }
  TENON_BOTH TENON_INLINE void store(int token, int row, const bits128& sums, const float (&bias)[4]) const {
    if (token < to.tokens && row < to.rows) to.store(token, row, scaled(row, sums), bias);
  }

 private:
  TENON_BOTH TENON_INLINE float scale(int matrix, int row) const { return of_rows[matrix] == nullptr || row >= to.rows ? 1.0f : Leaf::load(of_rows[matrix] + row * row_stride); }
  TENON_BOTH TENON_INLINE bits128 scaled(int row, const bits128& sums) const {
    bits128 out = sums;  // of two matrices: opened
    if constexpr (Matrices == 1)
      for (int e = 0; e < 4; ++e) out.word[e] = bit_cast<std::uint32_t>(bit_cast<float>(sums.word[e]) * scale(0, row + e));
    return out;
  }
};

TENON_KERNELS_END
