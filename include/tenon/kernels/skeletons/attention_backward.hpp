#pragma once
// The gradients of attention, with the weights w found again from each row's log-sum-exp [Dao 2023, FlashAttention-2]: with
//   x(i, j) = q_i . k_j factor,  s = score(x),  dw(i, j) = d_out_i . v_j,
//   softmax: ds = w (dw - out_i . d_out_i),  sigmoid: ds = w (1 - w) dw,  dx = ds d score / d x,
// the sums are  dv_j = sum_i w d_out_i,  dk_j = factor sum_i dx q_i,  dq_i = factor sum_j dx k_j: five products.
// Rows are [query x head of its group], so dk and dv are sums over the group. A block of keys stays while the rows go by.
// Moves: keys and values and their gradients once; q, d_out and dq once per block of keys. Reference: kernels/reference/attention_backward.hpp.

#include <tenon/kernels/shared/reverse.hpp>
#include <tenon/kernels/shared/traversal.hpp>

TENON_KERNELS_BEGIN

/// Adds what keys [from, to) of `in` give to the sums of dq that m holds for rows [0, rows), and writes their own gradients.
/// slopes[g]: of rows [16 g, 16 g + 16).
template <class M, class Source, class Meaning, class Slopes>
void attention_backward(const M& m, const Source& in, const Meaning& mean, int rows, int from, int to, const Slopes* slopes) {
  const traversal<Meaning> path{mean, rows, from, to, M::block_keys};
  m.stream(in, path, [&](const auto& block, int end) TENON_LAMBDA {
    for (int row0 = 0; row0 < rows; row0 += M::tile_rows) {
      const int tile_end = rows - row0 < M::tile_rows ? rows : row0 + M::tile_rows;
      if (mean.covers(row0, tile_end, block.key0, end) == cover::none) continue;
      span live[M::tile_rows / M::group_rows];
      for (int r = row0; r < tile_end; r += M::group_rows)
        live[(r - row0) / M::group_rows] = mean.template trim<M::key_granule>(r, tile_end - r < M::group_rows ? tile_end : r + M::group_rows, block.key0, end);
      m.multiply(row0, tile_end, block, live);                     // x = q k^T and dw = d_out v^T
      m.differentiate(row0, tile_end, block, live, mean, slopes);  // w and dx, in their places
      m.accumulate_query(row0, tile_end, block, live);             // dq += dx k
      m.accumulate_values(row0, tile_end, block, live);            // dv += w^T d_out
      m.accumulate_keys(row0, tile_end, block, live);              // dk += dx^T q
    }
  });
}

TENON_KERNELS_END
