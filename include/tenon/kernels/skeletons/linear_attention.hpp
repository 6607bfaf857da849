#pragma once
// out_i = sum_j (a_i . b_j) c_j over j <= i (causal) or over all j, in time linear in their number [Katharopoulos et al. 2020]: with
//   S = sum of b_j^T c_j over the chunks before,   out = a S + (a b^T, causal inside the chunk) c,   S += b^T c.
// a, b [token, feature], c, out [token, width]. Linear attention is this with a = phi(q), b = phi(k), c = [v, 1]; its gradients are
// the same sums with other letters, some of them from the last token to the first.
// A sequence that is continued keeps S and the rows of its last chunk, cut where chunks of the whole are: how many tokens come at a time
// shows in no bit of a row.
// Moves: a, b, c and out once; S stays in the cache. Reference: kernels/reference/linear_attention.hpp.

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN

/// How many rows there are of a and of b and c. Row i of a stands at position first + i, row j of b and c at position j.
struct scan_extent {
  int queries, keys, first;
  bool causal;
};

/// Continues from the state that m holds, and leaves there that of all keys.
template <class M, class Source>
TENON_BOTH void linear_attention(M& m, const Source& in, const scan_extent& extent) {
  const auto clamp = [](int x, int most) { return x < 0 ? 0 : x < most ? x : most; };
  const int last = extent.first + extent.queries > extent.keys ? extent.first + extent.queries : extent.keys;
  for (int from = 0; from < extent.keys && !extent.causal; from += M::chunk) {
    const int k1 = clamp(from + M::chunk, extent.keys);
    m.take_keys(in, from, k1);
    m.absorb(from, k1);
  }
  const int begin = extent.first < 0 ? (extent.first - M::chunk + 1) / M::chunk * M::chunk : 0;  // more queries than keys
  for (int from = begin; from < last; from += M::chunk) {
    const int q0 = clamp(from - extent.first, extent.queries), q1 = clamp(from + M::chunk - extent.first, extent.queries);
    const int k0 = clamp(from, extent.keys), k1 = extent.causal ? clamp(from + M::chunk, extent.keys) : k0;
    if (k0 < k1) m.take_keys(in, k0, k1);
    if (q0 < q1) {
      m.take_queries(in, q0, q1);
      m.recall(q0, q1);                                           // out = a S
      if (k0 < k1) m.attend(in, q0, q1, k0, k1, extent.first);    // out += (a b^T) c
      m.store(in, q0, q1);
    }
    if (k0 < k1) m.absorb(k0, k1);                                // S += b^T c
  }
}

/// The same for `count` tokens more of a chunk that holds `at` rows: at + count is at most M::chunk.
template <class M, class Source>
TENON_BOTH void linear_attention_grow(M& m, const Source& in, int at, int count) {
  m.take_keys(in, at, count);
  m.recall(in, count);
  m.attend(in, at, count);
  if (at + count == M::chunk) m.absorb();
}

TENON_KERNELS_END
