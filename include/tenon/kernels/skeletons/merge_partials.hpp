#pragma once
// Partial results of the same rows over consecutive ranges of keys become one: (o, top, total) are merged in order of the
// keys, as if one walk had taken them. Moves: each partial result once. Reference: kernels/reference/attention.hpp.

#include <cstddef>

#include <tenon/kernels/shared/online_softmax.hpp>

TENON_KERNELS_BEGIN

/// Partial results, one after the other: each the sums [group][row][dim_v] and then the states of its rows.
struct partial_results {
  const float* first;
  std::size_t floats, state_offset;
};

/// m.sums(g), merged[g] = results 0, 1, ... of rows [0, rows).
template <class M, class State>
void merge_partials(const M& m, int rows, int count, State* merged, const partial_results& in) {
  const int groups = (rows + M::group_rows - 1) / M::group_rows;
  for (int g = 0; g < groups; ++g) {
    m.clear(m.sums(g));
    merged[g].clear();
    const int here = rows - g * M::group_rows < M::group_rows ? rows - g * M::group_rows : M::group_rows;
    const float* next = in.first;
    for (int i = 0; i < count; ++i, next += in.floats) {
      const State* states = reinterpret_cast<const State*>(next + in.state_offset);
      m.merge(m.sums(g), next + (m.sums(g) - m.sums(0)), here, merged[g].merge(states[g]));
    }
  }
}

TENON_KERNELS_END
