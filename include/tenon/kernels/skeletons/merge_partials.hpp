#pragma once
// Partial results of the same rows over consecutive ranges of keys become one: (o, top, total) are merged in order of the
// keys, as if one walk had taken them. Moves: each partial result once. Reference: kernels/reference/attention.hpp.

#include <tenon/kernels/shared/online_softmax.hpp>

TENON_KERNELS_BEGIN

/// The sums [group][row][dim_v] and states of one range.
template <class State>
struct partial_result {
  const float* sums;
  const State* states;
};

/// m.merged_sums(g), merged[g] = parts 0, 1, ... of rows [0, rows); `part(i)` gives a partial_result.
template <class M, class State, class Part>
void merge_partials(const M& m, int rows, int parts, State* merged, const Part& part) {
  const int groups = (rows + M::group_rows - 1) / M::group_rows;
  for (int g = 0; g < groups; ++g) {
    m.clear(m.merged_sums(g));
    merged[g].clear();
    for (int i = 0; i < parts; ++i) {
      const partial_result<State> next = part(i);
      const int count = rows - g * M::group_rows < M::group_rows ? rows - g * M::group_rows : M::group_rows;
      m.merge(m.merged_sums(g), next.sums + (m.merged_sums(g) - m.merged_sums(0)), count, merged[g].merge(next.states[g]));
    }
  }
}

TENON_KERNELS_END
