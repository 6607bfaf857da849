#pragma once
// out[i] = sum_j w(i, j) v_j, as in attention_forward.hpp and with its bits, for machines whose products run beside their threads: the scores of a
// block of keys are begun before the values of the block before it are weighed, so that products and exponentials overlap. The first block is
// peeled: a condition between the beginning of a product and its end would make the compiler wait there.
// Moves: as attention_forward.hpp. Reference: kernels/reference/attention.hpp.

#include <tenon/kernels/shared/online_softmax.hpp>
#include <tenon/kernels/shared/traversal.hpp>

TENON_KERNELS_BEGIN

/// The sums and the state of rows [0, rows) over keys [from, to) of `in`, from the identity: m.sums(0), *state. For machines whose threads
/// belong to one group of rows each.
template <class M, class Source, class Meaning, class State>
TENON_BOTH void attention_partial_overlapped(M& m, const Source& in, const Meaning& mean, int rows, int from, int to, State* state) {
  static_assert(!State::bounded, "[weighting] of overlapped attention must be softmax or sink: it weighs a block while the next one comes. Fix: the schedule in order.");
  const int row0 = m.group_row(0), count = rows - row0 < M::group_rows ? rows - row0 : M::group_rows;
  m.clear(m.sums(0));
  state->clear();
  typename M::rows fade;
  // The weights of a block whose scores are there, in their place; whether the sums so far fade.
  const auto weigh = [&](auto& block, int end) TENON_LAMBDA {
    const auto live = m.live(block, end, row0, count, mean);
    m.interpret(block, live, row0, count, mean);  // a block that these rows do not see gives weights of 0
    const bool moved = state->raise(m.row_max(block, live, count), fade);
    state->add(m.weigh(block, *state));
    return moved;
  };
  const traversal<Meaning> path{mean, rows, from, to, M::block_keys};
  m.stream_overlapped(
      in, path,
      [&](auto& block, int end) TENON_LAMBDA {
        m.begin_multiply(block);
        m.template wait_multiply<0>(block);
        weigh(block, end);
        m.narrow(block);
      },
      [&](auto& block, int end) TENON_LAMBDA {
        m.begin_multiply(block);
        m.begin_accumulate(m.sums(0), block);  // of the block before
        m.template wait_multiply<1>(block);
        const bool moved = weigh(block, end);
        m.wait_accumulate(m.sums(0), block);
        m.scale(m.sums(0), fade, moved);
        m.narrow(block);
      },
      [&](auto& block) TENON_LAMBDA {
        m.begin_accumulate(m.sums(0), block);
        m.wait_last(m.sums(0), block);
      });
  m.finish(*state);
}

TENON_KERNELS_END
