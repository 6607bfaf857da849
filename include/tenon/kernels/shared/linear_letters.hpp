#pragma once
// What stands beside the letters of skeletons/linear_attention.hpp in the words of GPUs. A source of letters has
//   template <int Count> void a(int row, int column, float (&to)[Count]) const;    Count neighbours of row `row` of a [row, dim]; b and c likewise
//   void store(int row, int column, const float (&value)[Count]) const;            of the output [row, dim]
//   bool attends() const;  float pair(int ahead, float score) const;   whether a row hears of its own chunk, and what becomes of a_i . b_j, i - j = ahead (from -64 to 127)
// and, where its letters have totals or weights beside them, what these ask for.

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN

/// One column more than a power of two would fill no tile: it is no part of a product.
enum class beside : unsigned char {
  nothing,
  totals,  ///< c has a column of ones: store_total(row, total) hears of their sums, and the output is multiplied by inverse(total)
  weights  ///< a and b have a column more, a_weight(row) and b_weight(row)
};

/// Letters whose products are taken as they are.
struct plain_letters {
  static constexpr int shared_bytes = 0, part = 0, wave_number = 0;
  TENON_BOTH TENON_INLINE constexpr plain_letters(const auto&...) {}
  TENON_BOTH TENON_INLINE static constexpr bool attends() { return true; }
  TENON_BOTH TENON_INLINE static constexpr float pair(int, float score) { return score; }
};

TENON_KERNELS_END
