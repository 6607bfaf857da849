#pragma once
// Attention on a processor: attending from a cache, for prefill and decode, one sequence or many. Caches: launch/cache.hpp.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/attention_call.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/reduction.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

// The keys of one split. Blocks of keys start at multiples of 128, so splits do too.
inline int split_of(const fixed_split& how, index_t) {
  if (how.length <= 0 || how.length % 128 != 0) throw error("[reduction.length] is ", how.length, ": it must be a positive multiple of 128. Fix: change length.");
  return how.length;
}
inline int split_of(const sequential&, index_t length) { return static_cast<int>(round_up(static_cast<std::size_t>(length < 1 ? 1 : length), 128)); }
inline int split_of(const any&, index_t) { return 512; }

// What attend asks of its arguments.
inline void check_attend(const readable<3>& q, const heads& shape, const writable<3>& out, int dim, int dim_v) {
  check_heads(shape);
  if ((dim != 0 && shape.dim != dim) || (dim_v != 0 && shape.dim_v != dim_v))
    throw error("[attend] was instantiated for head dims ", dim, " and ", dim_v, " but the cache holds ", shape.dim, " and ", shape.dim_v, ". Fix: make them equal.");
  const index_t queries = q.extent[0];
  if (q.extent[1] != shape.query || q.extent[2] != shape.dim || out.extent[0] != queries || out.extent[1] != shape.query || out.extent[2] != shape.dim_v)
    throw error("[q, out] of attend must be [", queries, ", ", shape.query, ", ", shape.dim, "] and [", queries, ", ", shape.query, ", ", shape.dim_v,
                "]. Fix: give the heads that the cache was made for.");
  if (q.stride[2] != 1 || out.stride[2] != 1) throw error("[q, out] of attend must be dense in their last axis. Fix: copy them first.");
}
template <class Number>
void check_sequences(const ragged<Number>& batch, index_t queries) {
  if (batch.count > 0 && (batch.first_query[0] < 0 || batch.first_query[batch.count] > queries))
    throw error("[ragged.first_query] ends at ", batch.first_query[batch.count], " but q holds ", queries, " queries. Fix: make them agree.");
  for (int b = 0; b < batch.count; ++b) {
    const auto& cache = batch.caches[b];
    check_cache(cache);
    if (batch.first_query[b + 1] < batch.first_query[b]) throw error("[ragged.first_query] must not descend: entry ", b + 1, " does. Fix: sequences in the order of their queries.");
    if (cache.shape != batch.caches[0].shape)
      throw error("[ragged.caches] ", b, " has other heads than the first: one call serves one layer. Fix: one shape for all.");
    if (cache.length > cache.capacity) throw error("[cache.length] ", cache.length, " is beyond its capacity of ", cache.capacity, " keys. Fix: append before attending.");
  }
}

/// What attend does once its policies are erased: one body per machine, number and state.
template <class Machine, class Number, class State, class Reduction>
void attend_erased(const Machine& machine, const readable<3>& q, const ragged<Number>& sequences, const writable<3>& out, int dim, int dim_v, const erased_policies<Machine, State>& policies,
                   const State& identity, const Reduction& reduction, const view<float, 2>& log_sum_exp, int batch, std::byte* scratch) {
  if (sequences.count == 0) return;
  const heads shape = sequences.caches[0].shape;
  check_attend(q, shape, out, dim, dim_v);
  if (log_sum_exp.data != nullptr && (log_sum_exp.extent[0] != q.extent[0] || log_sum_exp.extent[1] != q.extent[1]))
    throw error("[log_sum_exp] of attend must be [", q.extent[0], ", ", q.extent[1], "]: one number for each query and head. Fix: give that much room.");
  check_sequences(sequences, q.extent[0]);
  index_t longest = 0;
  for (int b = 0; b < sequences.count; ++b) longest = sequences.caches[b].length > longest ? sequences.caches[b].length : longest;
  attention_call<Machine, State>{.machine = machine,
                                 .shape = shape,
                                 .q = q,
                                 .out = out,
                                 .log_sum_exp = log_sum_exp,
                                 .caches = sequences.caches,
                                 .sequence_at = sequence_at<Machine, Number>,
                                 .first_query = sequences.first_query,
                                 .sequences = sequences.count,
                                 .first_batch = batch,
                                 .policies = policies,
                                 .factor = policies.factor != 0 ? policies.factor : 1.0f / __builtin_sqrtf(static_cast<float>(shape.dim)),
                                 .identity = identity,
                                 .split = split_of(reduction, longest),
                                 .scratch = reinterpret_cast<float*>(scratch)}
      .run();
}

}  // namespace kernel_detail

/// Bytes of scratch that attend needs where no sequence has more than `queries` queries or `capacity` keys. Grows with each.
template <class Reduction = fixed_split, class Machine>
std::size_t attention_scratch(const Machine& machine, heads shape, index_t queries, index_t capacity, const Reduction& reduction = {}) {
  const kernel_detail::attention_cut cut(shape, queries, capacity, kernel_detail::split_of(reduction, capacity));
  return round_up(cut.bytes<typename Machine::atoms::attention>(shape, machine.threads()), 64);
}

/// Many sequences in one call: out [query, head, dim_v] = attention of q [query, head, dim], where sequence b has queries
/// [first_query[b], first_query[b + 1]) over the keys of its cache, whose length includes them: the last query stands at position
/// length - 1. q and out: float, bf16 or f16, dense in the last axis; rows outside the sequences stay as they are. Sums are fp32.
/// scratch: attention_scratch bytes, aligned to 64. DimQK and DimV repeat the cache's dims (0: whatever they are). `log_sum_exp`
/// [query, head], when given, receives the natural log of the softmax denominator. Masks and scores see batch + b. Under
/// fixed_split and sequential a row's bits depend on that row and its sequence alone, not on pages, threads or other sequences.
/// Throws tenon::error for shapes that do not fit.
template <int DimQK, int DimV, class Reduction = fixed_split, class Machine, cache_number Number, class Mask, class Score, class Weighting = softmax>
void attend(const Machine& machine, readable<3> q, const ragged<Number>& sequences, writable<3> out, const Mask& mask, const Score& score, std::byte* scratch,
            const Weighting& weighting = {}, const Reduction& reduction = {}, view<float, 2> log_sum_exp = {}, int batch = 0) {
  static_assert(DimQK % 8 == 0 && DimV % 8 == 0 && DimQK >= 0 && DimV >= 0 && DimQK <= 576 && DimV <= 576,
                "[attend] head dims must be multiples of 8 up to 576: kernels work on whole vectors. Fix: pad the heads of the model.");
  using words = typename Machine::atoms::attention;
  const auto identity = state_of<words::group_rows>(weighting);
  using state = std::remove_const_t<decltype(identity)>;
  using policies = kernel_detail::attention_policies<words, state, Mask, Score>;
  const policies own{mask, score};
  kernel_detail::attend_erased<Machine, Number, state, Reduction>(machine, q, sequences, out, DimQK, DimV, {&own, policies::walk, factor_of(score), sinks(weighting), kernel_detail::sinks_apart<Weighting>}, identity, reduction,
                                                                  log_sum_exp, batch, scratch);
}

/// The same for one sequence: query i stands at position length - queries + i.
template <int DimQK, int DimV, class Reduction = fixed_split, class Machine, cache_number Number, class Mask, class Score, class Weighting = softmax>
void attend(const Machine& machine, readable<3> q, const cache_view<Number>& cache, writable<3> out, const Mask& mask, const Score& score, std::byte* scratch,
            const Weighting& weighting = {}, const Reduction& reduction = {}, view<float, 2> log_sum_exp = {}, int batch = 0) {
  cache_view<Number> one = cache;
  const index_t first_query[] = {0, q.extent[0]};
  attend<DimQK, DimV>(machine, q, ragged<Number>{&one, first_query, 1}, out, mask, score, scratch, weighting, reduction, log_sum_exp, batch);
}

/// The same without a cache: q [batch, query, head, dim], k [batch, key, kv_head, dim], v [batch, key, kv_head, dim_v], out
/// [batch, query, head, dim_v], each of float, bf16 or f16; log_sum_exp [batch, query, head] or nothing. Query i stands at position
/// keys - queries + i. Takes memory for the keys of one sequence.
template <class Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void attend(const Machine& machine, readable<4> q, readable<4> k, readable<4> v, writable<4> out, const Mask& mask, const Score& score = {},
            const Weighting& weighting = {}, const Reduction& reduction = {}, view<float, 3> log_sum_exp = {}) {
  const heads shape{static_cast<int>(q.extent[2]), static_cast<int>(k.extent[2]), static_cast<int>(q.extent[3]), static_cast<int>(v.extent[3])};
  if (k.extent[0] != q.extent[0] || v.extent[0] != q.extent[0] || out.extent[0] != q.extent[0])
    throw error("[q, k, v, out] of attend must hold equally many sequences. Fix: give all of them the batch of q, ", q.extent[0], ".");
  kernel_detail::check_heads(shape);
  const index_t keys = k.extent[1];
  const std::size_t bytes = cache_bytes<float>(machine, shape, keys);
  const buffer memory(bytes + attention_scratch(machine, shape, q.extent[1], keys, reduction), "the keys and values of attend");
  for (index_t b = 0; b < q.extent[0]; ++b) {
    cache_view<float> cache{.data = memory.data(), .shape = shape, .capacity = keys};
    append(machine, cache, k[b], v[b], 0);
    attend<0, 0>(machine, q[b], cache, out[b], mask, score, memory.data() + bytes, weighting, reduction, log_sum_exp.data == nullptr ? view<float, 2>{} : log_sum_exp[b],
                 static_cast<int>(b));
  }
}

TENON_KERNELS_END
