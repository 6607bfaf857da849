#pragma once
// Attention on a processor: the cache's bytes, appending to it, and attending from it, for prefill and decode alike.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/attention_call.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/reduction.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

TENON_KERNELS_BEGIN

/// Bytes of one layer's cache of `capacity` keys; a multiple of 64.
template <class Number, class Machine>
std::size_t cache_bytes(const Machine&, heads shape, index capacity) {
  return atoms::cpu_cache<Number>(shape.dim, shape.dim_v, capacity).bytes(shape.kv);
}

namespace kernel_detail {

inline void check_append(const heads& shape, index capacity, const view<const float, 3>& k, const view<const float, 3>& v, index first) {
  const index tokens = k.extent[0];
  if (k.extent[1] != shape.kv || k.extent[2] != shape.dim || v.extent[0] != tokens || v.extent[1] != shape.kv || v.extent[2] != shape.dim_v)
    throw error("[k, v] of append must be [", tokens, ", ", shape.kv, ", ", shape.dim, "] and [", tokens, ", ", shape.kv, ", ", shape.dim_v,
                "]. Fix: give the heads that the cache was made for.");
  if (k.stride[2] != 1 || v.stride[2] != 1) throw error("[k, v] of append must be dense in their last axis. Fix: copy them first.");
  if (first < 0 || first + tokens > capacity)
    throw error("[first] of append: positions ", first, " to ", first + tokens, " do not fit a cache of ", capacity, " keys. Fix: a larger capacity.");
}

}  // namespace kernel_detail

/// Writes k [token, kv_head, dim] and v [token, kv_head, dim_v] at positions first, first + 1, ... and sets cache.length to
/// the position after the last. The last axis of both is dense. Throws tenon::error for a wrong shape or a full cache.
template <class Machine, class Number>
void append(const Machine& machine, cache_view<Number>& cache, view<const float, 3> k, view<const float, 3> v, index first) {
  const heads& shape = cache.shape;
  const index tokens = k.extent[0];
  kernel_detail::check_append(shape, cache.capacity, k, v, first);
  const atoms::cpu_cache<Number> layout(shape.dim, shape.dim_v, cache.capacity);
  constexpr index panel = atoms::cpu_cache<Number>::panel;
  const index first_panel = first / panel, panels = (first + tokens + panel - 1) / panel - first_panel;
  const bool alone = tokens * shape.kv * (shape.dim + shape.dim_v) < 65536;  // a parallel region would cost more
  const int parts = alone ? 1 : machine.threads();
  machine.parallel(parts, [&](int part) {
    for (index item = part; item < shape.kv * panels; item += parts) {
      const int head = static_cast<int>(item % shape.kv);
      const index start = (first_panel + item / shape.kv) * panel, end = start + panel;
      const index from = start < first ? first : start, to = end < first + tokens ? end : first + tokens;
      layout.write(cache.data, head, from, static_cast<int>(to - from), &k(from - first, head, 0), k.stride[0], &v(from - first, head, 0), v.stride[0], shape.dim_v);
    }
  });
  cache.length = first + tokens;
}

namespace kernel_detail {

// The keys of one split. Blocks of keys start at multiples of 128, so splits do too.
inline int split_of(const fixed_split& how, index) {
  if (how.length <= 0 || how.length % 128 != 0) throw error("[reduction.length] is ", how.length, ": it must be a positive multiple of 128. Fix: change length.");
  return how.length;
}
inline int split_of(const sequential&, index length) { return static_cast<int>(round_up(static_cast<std::size_t>(length < 1 ? 1 : length), 128)); }
inline int split_of(const any&, index) { return 512; }

// What attend asks of its arguments.
inline void check_attend(const view<const float, 3>& q, const heads& shape, index length, index capacity, const view<float, 3>& out, int dim, int dim_v) {
  if (shape.kv <= 0 || shape.query % shape.kv != 0)
    throw error("[heads.kv] is ", shape.kv, ": it must divide the ", shape.query, " query heads: each kv head serves an equal group. Fix: change kv.");
  if (shape.dim % 8 != 0 || shape.dim_v % 8 != 0 || shape.dim <= 0 || shape.dim_v <= 0 || shape.dim > 576 || shape.dim_v > 576)
    throw error("[heads.dim] ", shape.dim, " and [heads.dim_v] ", shape.dim_v, " must be multiples of 8 up to 576. Fix: pad the heads of the model.");
  if ((dim != 0 && shape.dim != dim) || (dim_v != 0 && shape.dim_v != dim_v))
    throw error("[attend] was instantiated for head dims ", dim, " and ", dim_v, " but the cache holds ", shape.dim, " and ", shape.dim_v, ". Fix: make them equal.");
  const index queries = q.extent[0];
  if (q.extent[1] != shape.query || q.extent[2] != shape.dim || out.extent[0] != queries || out.extent[1] != shape.query || out.extent[2] != shape.dim_v)
    throw error("[q, out] of attend must be [", queries, ", ", shape.query, ", ", shape.dim, "] and [", queries, ", ", shape.query, ", ", shape.dim_v,
                "]. Fix: give the heads that the cache was made for.");
  if (q.stride[2] != 1 || out.stride[2] != 1) throw error("[q, out] of attend must be dense in their last axis. Fix: copy them first.");
  if (length > capacity) throw error("[cache.length] ", length, " is beyond its capacity of ", capacity, " keys. Fix: append before attending.");
}

}  // namespace kernel_detail

/// Bytes of scratch that attend needs for at most `queries` queries over a cache of `capacity` keys. Grows with each.
template <class Reduction = fixed_split, class Machine>
std::size_t attention_scratch(const Machine& machine, heads shape, index queries, index capacity, const Reduction& reduction = {}) {
  const kernel_detail::attention_cut cut(shape, queries, capacity, kernel_detail::split_of(reduction, capacity));
  return round_up(cut.bytes<typename Machine::atoms::attention>(shape, machine.threads()), 64);
}

/// out [query, head, dim_v] = attention of q [query, head, dim] over the keys of `cache`, whose length includes these queries:
/// query i stands at position length - queries + i. The last axes are dense. scratch: attention_scratch bytes, aligned to 64.
/// DimQK and DimV repeat the cache's dims (0: whatever they are). `log_sum_exp` [query, head], when given, receives the natural
/// log of the softmax denominator. Under fixed_split and sequential a row's bits depend on that row alone.
/// Throws tenon::error for shapes that do not fit.
template <int DimQK, int DimV, class Reduction = fixed_split, class Machine, class Number, class Mask, class Score, class Weighting = softmax>
void attend(const Machine& machine, view<const float, 3> q, const cache_view<Number>& cache, view<float, 3> out, const Mask& mask, const Score& score,
            std::byte* scratch, const Weighting& weighting = {}, const Reduction& reduction = {}, view<float, 2> log_sum_exp = {}, int batch = 0) {
  static_assert(DimQK % 8 == 0 && DimV % 8 == 0 && DimQK >= 0 && DimV >= 0 && DimQK <= 576 && DimV <= 576,
                "[attend] head dims are multiples of 8 up to 576. Fix: pad the heads of the model.");
  kernel_detail::check_attend(q, cache.shape, cache.length, cache.capacity, out, DimQK, DimV);
  if (q.extent[0] == 0) return;
  kernel_detail::attention_call<Machine, Number, Mask, Score, Weighting>{
      machine, q, cache, out, log_sum_exp, mask, score, weighting, batch, kernel_detail::split_of(reduction, cache.length), reinterpret_cast<float*>(scratch)}
      .run();
}

/// The same without a cache: q [batch, query, head, dim], k [batch, key, kv_head, dim], v [batch, key, kv_head, dim_v], out
/// [batch, query, head, dim_v]. Query i stands at position keys - queries + i. Takes memory for the keys of one sequence.
template <class Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void attend(const Machine& machine, view<const float, 4> q, view<const float, 4> k, view<const float, 4> v, view<float, 4> out, const Mask& mask,
            const Score& score = {}, const Weighting& weighting = {}, const Reduction& reduction = {}) {
  const heads shape{static_cast<int>(q.extent[2]), static_cast<int>(k.extent[2]), static_cast<int>(q.extent[3]), static_cast<int>(v.extent[3])};
  if (k.extent[0] != q.extent[0] || v.extent[0] != q.extent[0] || out.extent[0] != q.extent[0])
    throw error("[q, k, v, out] of attend must hold equally many sequences. Fix: give all of them the batch of q, ", q.extent[0], ".");
  const index keys = k.extent[1];
  const std::size_t bytes = cache_bytes<float>(machine, shape, keys);
  const buffer memory(bytes + attention_scratch(machine, shape, q.extent[1], keys, reduction), "the keys and values of attend");
  for (index b = 0; b < q.extent[0]; ++b) {
    cache_view<float> cache{.data = memory.data(), .shape = shape, .capacity = keys};
    append(machine, cache, k[b], v[b], 0);
    attend<0, 0>(machine, q[b], cache, out[b], mask, score, memory.data() + bytes, weighting, reduction, {}, static_cast<int>(b));
  }
}

TENON_KERNELS_END
