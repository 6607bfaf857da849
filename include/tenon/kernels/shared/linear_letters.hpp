#pragma once
// What stands beside the letters of skeletons/linear_attention.hpp in the words of GPUs. A source of letters has
//   template <int Count> void a(int row, int column, float (&to)[Count]) const;    Count neighbours of row `row` of a [row, dim]; b and c likewise
//   void store(int row, int column, const float (&value)[Count]) const;            of the output [row, dim]
// and, where its letters have totals or weights beside them, what these ask for.

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN

/// One column more than a power of two would fill no tile: it is no part of a product.
enum class beside : unsigned char {
  nothing,
  totals,  ///< c has a column of ones: the output is divided by their sums, of which store_total(row, total) hears
  weights  ///< a and b have a column more, a_weight(row) and b_weight(row)
};

TENON_KERNELS_END
