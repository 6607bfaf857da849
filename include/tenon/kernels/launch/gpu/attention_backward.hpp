#pragma once
// The gradients of attention on a GPU: kernels over the words of a machine, run one after the other. `call` is what the forward kernel was given
// (launch/gpu/attention.hpp), its log_sum_exp asked for; a problem has beside its mask, score, weighting, out and dim
//
//   using gradient = bf16;                                  // or float: of dq, dk and dv
//   static constexpr int group = 4;                         // query heads of a kv head, all of them: dk and dv are sums over the group
//
//   attention_backward_rows_kernel     grid attention_backward_padded(queries group) / 16, kv heads, batch   of each row what its weights need
//   attention_backward_keys_kernel     grid blocks of Words::block_keys keys, kv heads, batch                dk, dv
//   attention_backward_queries_kernel  grid tiles of Words::tile_rows / group queries, kv heads, batch       dq
//   attention_backward_sinks_kernel    grid heads                                                            d_logits of sinks
//
// attend_backward (launch/gpu/attend_backward.hpp) starts them, and those of launch/gpu/attention_backward_learned.hpp where scores learn. No atomics: a gradient's bits depend on neither the grid nor its order.

#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_slopes.hpp>
#include <tenon/kernels/skeletons/attention_backward.hpp>

TENON_KERNELS_BEGIN

/// What the kernels are given. Under sigmoid `call` needs neither out nor log_sum_exp, and `facts` may be null.
template <class Problem>
struct attention_backward_arguments {
  using gradient_type = typename Problem::gradient;

  using number = typename attention_arguments<Problem>::number;

  attention_arguments<Problem> call;
  const number* d_out;         ///< [batch, query, head, dim], strides of call.out
  gradient_type* dq;         ///< strides of q
  gradient_type *dk, *dv;    ///< strides of the cache, up to call.length: 0 for keys beyond a sequence's own length
  float* facts;              ///< scratch [batch][kv_head][attention_backward_padded(queries group)][2], aligned to 16 bytes
  float* sink_shares;        ///< scratch [batch][kv_head][as facts], or null: d_logits of sinks are not asked for
  float* learned_sums;       ///< scratch of attention_backward_learned_floats (launch/gpu/attention_backward_learned.hpp), or null: the score learns nothing
  int batch;
};

/// Rows of one kv head in `facts`: whole tiles of all machines.
TENON_BOTH TENON_INLINE constexpr index_t attention_backward_padded(index_t rows) { return (rows + 63) / 64 * 64; }

namespace kernel_detail {

/// The rows of one kv head of one sequence.
template <class Leaf, class Problem>
struct backward_part {
  static constexpr int group = Problem::group;
  using meaning_type = meaning<typename Problem::mask, typename Problem::score, group>;
  using rows_type = device_rows<const typename attention_arguments<Problem>::number, group>;

  const attention_backward_arguments<Problem>& a;
  int batch, kv_head, rows, length;

  TENON_BOTH TENON_INLINE explicit backward_part(const attention_backward_arguments<Problem>& arguments)
      : a(arguments), batch(Leaf::block_z()), kv_head(Leaf::block_y()), rows(arguments.call.queries * group), length(key_count(arguments.call, Leaf::block_z())) {}
  TENON_BOTH TENON_INLINE static int key_count(const attention_arguments<Problem>& call, int batch) {
    return call.lengths == nullptr ? call.length : Leaf::load(call.lengths + batch);
  }
  /// From row `first_query` x group on.
  TENON_BOTH TENON_INLINE meaning_type mean(int first_query) const { return {a.call.mask, a.call.score, length - a.call.after - a.call.queries + first_query, kv_head * group, group, batch, length}; }
  TENON_BOTH TENON_INLINE float factor() const { return score_factor<Problem>(a.call.score); }
  TENON_BOTH TENON_INLINE auto slopes() const { return device_slopes_of<Leaf>(a.call.weighting, (meaning_type::plain ? factor() : 1.0f) * log2_e); }
  /// The first row, in `facts` and `sink_shares`.
  TENON_BOTH TENON_INLINE index_t facts_row() const { return (index_t{batch} * a.call.kv_heads + kv_head) * attention_backward_padded(rows); }
  TENON_BOTH TENON_INLINE index_t cache_place() const { return batch * a.call.cache_batch + kv_head * a.call.cache_head; }
  TENON_BOTH TENON_INLINE index_t q_place(int first_query) const { return batch * a.call.q_batch + first_query * a.call.q_query + kv_head * group * a.call.q_head; }
  TENON_BOTH TENON_INLINE index_t out_place(int first_query) const { return batch * a.call.out_batch + first_query * a.call.out_query + kv_head * group * a.call.out_head; }
  /// What words walk over; `maps`: where they take more than the call, what its launch adds.
  template <class Words, class... Maps>
  TENON_BOTH TENON_INLINE auto source(int first_query, const Maps&... maps) const {
    const backward_source<typename attention_arguments<Problem>::number, rows_type> in{a.call.keys,
                                                                                       a.call.values,
                                                                                       cache_place(),
                                                                                       length,
                                                                                       {a.call.q + q_place(first_query), a.call.q_query, a.call.q_head},
                                                                                       {a.d_out + out_place(first_query), a.call.out_query, a.call.out_head},
                                                                                       a.facts == nullptr ? nullptr : a.facts + 2 * (facts_row() + index_t{first_query} * group)};
    if constexpr (sizeof...(maps) == 0)
      return in;
    else
      return typename Words::template source<rows_type>{in, maps..., kv_head, batch, first_query};
  }
};

/// Walks from a source with what remains of the skeleton's arguments; false: this thread brought what others need, and has nothing.
template <class Words, class... Walk>
TENON_BOTH TENON_INLINE bool walk_backward(Words& m, const Walk&... walk) {
  if constexpr (requires { m.produces(); })
    if (m.produces()) {
      auto bringing = m.bringing();
      attention_backward(bringing, walk...);
      return false;
    }
  attention_backward(m, walk...);
  return true;
}

/// Two numbers, as they lie in memory.
template <class Leaf, class Number>
TENON_BOTH TENON_INLINE void load_two(const Number* from, float (&to)[2]) {
  if constexpr (sizeof(Number) == 4) {
    const bits64 two = Leaf::load(reinterpret_cast<const bits64*>(from));
    to[0] = bit_cast<float>(two.word[0]), to[1] = bit_cast<float>(two.word[1]);
  } else {
    unpack_two<Number>(Leaf::load(reinterpret_cast<const std::uint32_t*>(from)), to);
  }
}
/// The sum of a[i] b[i] over 8 numbers.
template <class Leaf, class A, class B>
TENON_BOTH TENON_INLINE float dot_of_8(const A* a, const B* b) {
  float sum = 0;
  TENON_UNROLL for (int i = 0; i < 8; i += 2) {
    float left[2], right[2];
    load_two<Leaf>(a + i, left), load_two<Leaf>(b + i, right);
    sum += left[0] * right[0];
    sum += left[1] * right[1];
  }
  return sum;
}

}  // namespace kernel_detail

/// What one thread of 128 does for 16 rows: eight lanes take one row.
template <class Leaf, class Problem>
TENON_BOTH TENON_INLINE void attention_backward_rows_kernel(const attention_backward_arguments<Problem>& a) {
  const kernel_detail::backward_part<Leaf, Problem> part(a);
  constexpr int group = Problem::group;
  const int row = Leaf::block_x() * 16 + Leaf::thread() / 8, query = row / group, head = row % group;
  float agreement = 0;
  if (row < part.rows) {
    const index_t at = part.out_place(query) + head * a.call.out_head + Leaf::thread() % 8 * 8;
    TENON_UNROLL for (int c = 0; c < Problem::dim; c += 64) agreement += kernel_detail::dot_of_8<Leaf>(a.call.out + at + c, a.d_out + at + c);
  }
  TENON_UNROLL for (int mask = 1; mask <= 4; mask *= 2) agreement += Leaf::shuffle_xor(agreement, mask);
  if (Leaf::thread() % 8 != 0) return;
  float reference = no_weights, share = 0;
  if (row < part.rows) {
    const int query_head = part.kv_head * group + head;
    const float bits = Leaf::load(a.call.log_sum_exp + (index_t{part.batch} * a.call.queries + query) * a.call.heads + query_head) * log2_e;
    if (bits != no_weights) {  // else its weights are 0, and so is its output, sink or not
      reference = -bits;
      if (const float* logits = sinks(a.call.weighting); logits != nullptr) {
        const float logit = Leaf::load(logits + query_head) * log2_e, top = logit > bits ? logit : bits;
        reference = -(top + Leaf::log2(Leaf::exp2(bits - top) + Leaf::exp2(logit - top)));
        share = -agreement * Leaf::exp2(logit + reference);
      }
    }
  } else {
    agreement = 0;
  }
  const index_t to = part.facts_row() + row;
  Leaf::store(reinterpret_cast<bits64*>(a.facts + 2 * to), bits64{{bit_cast<std::uint32_t>(reference), bit_cast<std::uint32_t>(agreement)}});
  if (a.sink_shares != nullptr) Leaf::store(a.sink_shares + to, share);
}

/// What one thread does for dk and dv of one block of keys.
template <class Leaf, class Words, class Problem, class... Maps>
TENON_BOTH TENON_INLINE void attention_backward_keys_kernel(const attention_backward_arguments<Problem>& a, const Maps&... maps) {
  const kernel_detail::backward_part<Leaf, Problem> part(a);
  const int key = Leaf::block_x() * Words::block_keys, end = key + Words::block_keys < part.length ? key + Words::block_keys : part.length;
  Words m(part.factor());
  if (!kernel_detail::walk_backward(m, part.template source<Words>(0, maps...), part.mean(0), part.rows, key, end, part.slopes())) return;
  const index_t to = part.cache_place() + index_t{key} * Problem::dim;
  m.template store<0>(device_rows<typename Problem::gradient, 1>{a.dk + to, Problem::dim, 0}, a.call.length - key, part.factor());
  m.template store<1>(device_rows<typename Problem::gradient, 1>{a.dv + to, Problem::dim, 0}, a.call.length - key, 1.0f);
}

/// What one thread does for dq of one tile of rows.
template <class Leaf, class Words, class Problem, class... Maps>
TENON_BOTH TENON_INLINE void attention_backward_queries_kernel(const attention_backward_arguments<Problem>& a, const Maps&... maps) {
  constexpr int group = Problem::group, tile_queries = Words::tile_rows / group;
  const kernel_detail::backward_part<Leaf, Problem> part(a);
  // The last rows first: under a causal mask these are the longest.
  const int query = ((a.call.queries + tile_queries - 1) / tile_queries - 1 - Leaf::block_x()) * tile_queries;
  const int rows = (a.call.queries - query < tile_queries ? a.call.queries - query : tile_queries) * group;
  Words m(part.factor());
  if (!kernel_detail::walk_backward(m, part.template source<Words>(query, maps...), part.mean(query), rows, 0, part.length, part.slopes())) return;
  m.template store<0>(device_rows<typename Problem::gradient, group>{a.dq + part.q_place(query), a.call.q_query, a.call.q_head}, rows, part.factor());
}

/// What one thread of `Threads` does for the sink of one query head: adds its rows' shares, in an order that only their number decides. Shared
/// memory: 4 Threads bytes.
template <class Leaf, int Threads, class Problem>
TENON_BOTH TENON_INLINE void attention_backward_sinks_kernel(const attention_backward_arguments<Problem>& a) {
  constexpr int group = Problem::group;
  using address = typename Leaf::address;
  const int head = Leaf::block_x(), thread = Leaf::thread();
  const index_t padded = attention_backward_padded(index_t{a.call.queries} * group);
  float sum = 0;
  for (int b = 0; b < a.batch; ++b)
    for (int i = thread; i < a.call.queries; i += Threads) sum += Leaf::load(a.sink_shares + (index_t{b} * a.call.kv_heads + head / group) * padded + index_t{i} * group + head % group);
  Leaf::store_shared(Leaf::shared() + static_cast<address>(4 * thread), sum);
  Leaf::barrier();
  if (thread != 0) return;
  float total = 0;
  for (int i = 0; i < Threads; ++i) total += Leaf::template load_shared<float>(Leaf::shared() + static_cast<address>(4 * i));
  float* const to = a.call.weighting.d_logits + head;
  Leaf::store(to, Leaf::load(to) + total);
}

/// The kernels, as every machine of GPUs launches them. The first has no shared memory, the last 4 bytes to a thread.
template <class Leaf, class Problem>
struct attention_backward_rows_body {
  attention_backward_arguments<Problem> a;
  static constexpr int threads = 128;
  TENON_BOTH void operator()() const { attention_backward_rows_kernel<Leaf>(a); }
};
template <class Leaf, class Words, class Problem>
struct attention_backward_keys_body {
  attention_backward_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { attention_backward_keys_kernel<Leaf, Words>(a); }
};
template <class Leaf, class Words, class Problem>
struct attention_backward_queries_body {
  attention_backward_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { attention_backward_queries_kernel<Leaf, Words>(a); }
};
/// The walk of a call that Words keep. Where it takes more than the call, an overload for its words says so.
template <class Leaf, class Words, device_machine Machine, class Problem>
auto attention_backward_on(const Machine&, const attention_backward_arguments<Problem>& a) {
  return std::conditional_t<Words::of_keys, attention_backward_keys_body<Leaf, Words, Problem>, attention_backward_queries_body<Leaf, Words, Problem>>{a};
}
template <class Leaf, class Problem>
struct attention_backward_sinks_body {
  attention_backward_arguments<Problem> a;
  static constexpr int threads = 128;
  TENON_BOTH void operator()() const { attention_backward_sinks_kernel<Leaf, threads>(a); }
};

TENON_KERNELS_END
