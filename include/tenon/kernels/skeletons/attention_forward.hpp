#pragma once
// out[i] = sum_j w(i, j) v_j over the keys that row i may see; w from the weighting of score(q_i . k_j * factor, position).
// A tile of rows [query x head of its group] walks once over its key blocks; scores never leave the fastest memory.
// Moves: keys and values once per tile of rows, q and out once. Reference: kernels/reference/attention.hpp.
//
// The same text runs on processors and GPUs. A processor visits the groups of rows of a tile in turn, and its tiles lie in the
// cache; on a GPU every warp is the one group of its threads, whose registers are the tiles.

#include <tenon/kernels/shared/online_softmax.hpp>
#include <tenon/kernels/shared/traversal.hpp>

TENON_KERNELS_BEGIN

/// The sums and states of rows [0, rows) over keys [from, to) of `in`, from the identity: m.sums(g), states[g].
template <class M, class Source, class Meaning, class State>
TENON_BOTH void attention_partial(M& m, const Source& in, const Meaning& mean, int rows, int from, int to, State* states) {
  const int groups = m.groups(rows);
  for (int g = 0; g < groups; ++g) {
    m.clear(m.sums(g));
    states[g].clear();
  }
  const traversal<Meaning> path{mean, rows, from, to, M::block_keys};
  m.stream(in, path, [&](auto&& block, int end) TENON_LAMBDA {
    for (int g = 0; g < groups; ++g) {
      const int row0 = m.group_row(g), count = rows - row0 < M::group_rows ? rows - row0 : M::group_rows;
      const auto live = m.live(block, end, row0, count, mean);
      typename M::rows fade;
      bool moved = false;
      m.await_keys(block);  // the two waits are for all threads, whatever their rows see
      if (!live.empty()) {
        m.multiply(m.held(g), block, live, row0, count, mean);
        if constexpr (State::bounded) {
          m.exponentiate(block, live, count, states[g]);
        } else {
          moved = states[g].raise(m.row_max(block, live, count), fade);
          states[g].add(m.exponentiate(block, live, count, states[g]));
        }
      }
      m.await_values(block);
      if (!live.empty()) m.accumulate(m.sums(g), fade, moved, block, live, row0, count, mean);
    }
  });
  for (int g = 0; g < groups; ++g) m.finish(states[g]);
}

/// The same over all keys [0, length): splits of `split` keys, each from the identity, merged in order: m.merged_sums(g), merged[g].
template <class M, class Source, class Meaning, class State>
void attention_forward(M& m, const Source& in, const Meaning& mean, int rows, int length, int split, State* states, State* merged) {
  const int groups = m.groups(rows);
  const auto rows_of = [&](int g) { return rows - g * M::group_rows < M::group_rows ? rows - g * M::group_rows : M::group_rows; };
  for (int g = 0; g < groups; ++g) {
    m.clear(m.merged_sums(g));
    merged[g].clear();
  }
  for (int from = 0; from < length; from += split) {
    const int to = length - from < split ? length : from + split;
    if (mean.covers(0, rows, from, to) == cover::none) continue;
    attention_partial(m, in, mean, rows, from, to, states);
    for (int g = 0; g < groups; ++g) m.merge(m.merged_sums(g), m.sums(g), rows_of(g), merged[g].merge(states[g]));
  }
}

TENON_KERNELS_END
