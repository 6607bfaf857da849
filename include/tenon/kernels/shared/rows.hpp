#pragma once
// Work that is independent row by row, and element by element within a row: how it is divided among threads and vectors.

#include <concepts>
#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN

/// Calls f(first, last) on ranges that cover [0, rows). A range holds at least 16384 values' worth of work, or all of it: a
/// barrier costs microseconds. The division is never visible in a result: rows do not depend on each other.
template <class Machine, class F>
void for_rows(const Machine& machine, index_t rows, index_t values_per_row, F&& f) noexcept {
  constexpr index_t grain = 16384;
  const index_t worthwhile = (rows * values_per_row + grain - 1) / grain;
  index_t parts = worthwhile < machine.threads() ? worthwhile : machine.threads();
  parts = parts < rows ? parts : rows;
  if (parts <= 1) {
    f(index_t{0}, rows);
    return;
  }
  machine.parallel(static_cast<int>(parts), [&](int part) { f(rows * part / parts, rows * (part + 1) / parts); });
}

/// Calls f(l) for l in [0, Lanes): a constant count, so that plain -O2 makes vectors of it.
template <int Lanes, class F>
TENON_INLINE void for_lanes(F&& f) noexcept {
  if constexpr (Lanes == 1) {
    f(0);
  } else {
    TENON_INDEPENDENT
    for (int l = 0; l < Lanes; ++l) f(l);
  }
}
/// Calls f(i, lanes) for each strip of [0, count): lanes::value is Wide while they last, then 1.
template <int Wide = 16, class F>
TENON_INLINE void for_strips(index_t count, F&& f) noexcept {
  static_assert((Wide & (Wide - 1)) == 0);
  const index_t whole = count & -index_t{Wide};
  for (index_t i = 0; i < whole; i += Wide) f(i, std::integral_constant<int, Wide>{});
  for (index_t rest = 0; rest < (count & (Wide - 1)); ++rest) f(whole + rest, std::integral_constant<int, 1>{});
}
/// Calls f(i) for each i in [0, count); the calls are independent of each other.
template <int Wide = 16, class F>
TENON_INLINE void for_values(index_t count, F&& f) noexcept {
  for_strips<Wide>(count, [&](index_t i, auto lanes) TENON_LAMBDA { for_lanes<lanes>([&](int l) TENON_LAMBDA { f(i + l); }); });
}

TENON_KERNELS_END
