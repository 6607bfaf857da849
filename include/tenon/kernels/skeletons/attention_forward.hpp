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

/// The sums and states of groups [first, last) of rows [0, rows) over keys [from, to) of `in`, from the identity: m.sums(g), states[g].
template <class M, class Source, class Meaning, class State>
TENON_BOTH void attention_partial(M& m, const Source& in, const Meaning& mean, int rows, int first, int last, int from, int to, State* states) {
  for (int g = first; g < last; ++g) {
    m.clear(m.sums(g));
    states[g].clear();
  }
  const traversal<Meaning> path{mean, rows, from, to, M::block_keys};
  m.stream(in, path, [&](auto&& block, int end) TENON_LAMBDA {
    for (int g = first; g < last; ++g) {
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
  for (int g = first; g < last; ++g) m.finish(states[g]);
}

/// The same of all groups.
template <class M, class Source, class Meaning, class State>
TENON_BOTH TENON_INLINE void attention_partial(M& m, const Source& in, const Meaning& mean, int rows, int from, int to, State* states) {
  attention_partial(m, in, mean, rows, 0, m.groups(rows), from, to, states);
}

/// The same in splits of `split` keys, from a multiple of it, each from the identity, merged in order; `next`: room for as many states. The
/// first split that is seen needs no merging, and those after it only the groups that see some of them.
template <class M, class Source, class Meaning, class State>
void attention_forward(M& m, const Source& in, const Meaning& mean, int rows, int from, int to, int split, State* states, State* next) {
  const auto end_of = [&](int key) { return to - key < split ? to : key + split; };
  while (end_of(from) < to && mean.covers(0, rows, from, end_of(from)) == cover::none) from += split;
  attention_partial(m, in, mean, rows, from, end_of(from), states);
  M later = m.beside();
  for (from += split; from < to; from += split) {
    const auto sees = [&](int g) {
      const int row0 = m.group_row(g), end = rows - row0 < M::group_rows ? rows : row0 + M::group_rows;
      return mean.covers(row0, end, from, end_of(from)) != cover::none;
    };
    int first = 0, last = m.groups(rows);
    while (first < last && !sees(first)) ++first;
    while (first < last && !sees(last - 1)) --last;
    if (first == last) continue;
    attention_partial(later, in, mean, rows, first, last, from, end_of(from), next);
    for (int g = first; g < last; ++g) {
      const int count = rows - m.group_row(g);
      m.merge(m.sums(g), later.sums(g), count < M::group_rows ? count : M::group_rows, states[g].merge(next[g]));
    }
  }
}

TENON_KERNELS_END
