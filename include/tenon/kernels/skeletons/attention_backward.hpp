#pragma once
// The gradients of attention, with the weights w found again from each row's log-sum-exp [Dao 2023, FlashAttention-2]: with
//   x(i, j) = q_i . k_j factor,  s = score(x),  dw(i, j) = d_out_i . v_j,
//   softmax: ds = w (dw - out_i . d_out_i),  sigmoid: ds = w (1 - w) dw,  dx = ds d score / d x,
// the sums are  dv_j = sum_i w d_out_i,  dk_j = factor sum_i dx q_i,  dq_i = factor sum_j dx k_j: five products.
// Rows are [query x head of its group], so dk and dv are sums over the group. A block of keys stays while the rows go by.
// Moves: keys and values and their gradients once; q, d_out and dq once per block of keys. Reference: kernels/reference/attention_backward.hpp.
//
// The same text runs on processors and GPUs. A processor holds the sums of all its rows and walks once. On a GPU the sums of dq and those of dk
// and dv belong to different blocks of threads, and adding across blocks would need atomics, whose order is nobody's, or a partial dq per block
// of keys. So a GPU walks twice, seven products for five: once over words that keep dk and dv of one block of keys, once over words that keep
// dq of one tile of rows; to each the sums of the other are words that do nothing. Every sum is then a chain in a fixed order.

#include <tenon/kernels/shared/reverse.hpp>
#include <tenon/kernels/shared/traversal.hpp>

TENON_KERNELS_BEGIN

/// Adds what keys [from, to) of `in` give to the sums of dq that m holds for rows [0, rows), and to their own gradients.
/// slopes: how weights are found again and what they pass on; a processor's are slopes[g] of rows [16 g, 16 g + 16).
template <class M, class Source, class Meaning, class Slopes>
TENON_BOTH void attention_backward(M& m, const Source& in, const Meaning& mean, int rows, int from, int to, const Slopes& slopes) {
  const traversal<Meaning> path{mean, rows, from, to, M::block_keys};
  m.stream(in, path, [&](const auto& block, int end) TENON_LAMBDA {
    m.each_tile(block, row_traversal<Meaning>{mean, rows, block.key0, end, M::tile_rows}, [&](auto& tile) TENON_LAMBDA {
      m.multiply(tile, block);                     // x = q k^T and dw = d_out v^T
      m.differentiate(tile, block, mean, slopes);  // w and dx, in their places
      m.accumulate_query(tile, block);             // dq += dx k
      m.accumulate_values(tile, block);            // dv += w^T d_out
      m.accumulate_keys(tile, block);              // dk += dx^T q
    });
  });
}

/// The same walk for what a score learns, over words that keep rows: leaves d loss / d s of each block at `room`, a block of threads' memory, and calls
/// hear(key0, end) on all of them for what they sum up.
template <class M, class Source, class Meaning, class Slopes, class Hear>
TENON_BOTH void attention_backward_learned(M& m, const Source& in, const Meaning& mean, int rows, int from, int to, const Slopes& slopes, typename M::address room, const Hear& hear) {
  const traversal<Meaning> path{mean, rows, from, to, M::block_keys};
  m.stream(in, path, [&](const auto& block, int end) TENON_LAMBDA {
    bool seen = false;
    m.each_tile(block, row_traversal<Meaning>{mean, rows, block.key0, end, M::tile_rows}, [&](auto& tile) TENON_LAMBDA {
      m.multiply(tile, block);
      m.differentiate(tile, block, mean, slopes);
      m.leave(tile, room);
      seen = true;
    });
    if (!seen) m.leave_nothing(room);
    hear(block.key0, end);
  });
}

TENON_KERNELS_END
