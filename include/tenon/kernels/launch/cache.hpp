#pragma once
// Caches of keys and values on a processor: their bytes, and appending to them, contiguous or in pages.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/atoms/cpu/cache.hpp>
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/number_view.hpp>
#include <tenon/policies/cache.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {

template <class Number>
atoms::cpu_cache<Number> layout_of(const heads& shape, index_t page_keys) {
  return {shape.dim, shape.dim_v, page_keys, shape.values == values_are::their_own};
}

// How a cache is laid out: one page of all its keys where it is contiguous.
template <class Number>
atoms::cpu_cache<Number> page_layout_of(const cache_view<Number>& cache) {
  return layout_of<Number>(cache.shape, cache.pages == nullptr ? cache.capacity : cache.page_keys);
}
template <class Number>
index_t page_stride_of(const cache_view<Number>& cache) {
  return cache.page_stride != 0 ? cache.page_stride : static_cast<index_t>(page_layout_of(cache).bytes(cache.shape.kv));
}
// One kv head of a cache as a cache of its own, which `query` query heads look at.
template <class Number>
cache_view<Number> one_head(const cache_view<Number>& cache, int head, int query) {
  cache_view<Number> one = cache;
  one.shape.kv = 1, one.shape.query = query;
  one.data += head * page_layout_of(cache).head_bytes();
  one.page_stride = page_stride_of(cache);
  return one;
}

inline void check_heads(const heads& shape) {
  if (shape.kv <= 0 || shape.query <= 0 || shape.query % shape.kv != 0)
    throw error("[heads.kv] is ", shape.kv, ": it must divide the ", shape.query, " query heads: each kv head serves an equal group. Fix: change kv.");
  if (shape.dim % 8 != 0 || shape.dim_v % 8 != 0 || shape.dim <= 0 || shape.dim_v <= 0 || shape.dim > 576 || shape.dim_v > 576)
    throw error("[heads.dim] ", shape.dim, " and [heads.dim_v] ", shape.dim_v, " must be multiples of 8 up to 576. Fix: pad the heads of the model.");
  if (shape.values == values_are::first_dims_of_keys && shape.dim_v > shape.dim)
    throw error("[heads.dim_v] is ", shape.dim_v, ": values that are the first dims of keys cannot be wider than dim, ", shape.dim, ". Fix: a smaller dim_v.");
}
template <class Number>
void check_number(const heads& shape) {
  if constexpr (atoms::cache_number_facts<Number>::rotary_item != 0) {
    constexpr int block = atoms::cache_number_facts<Number>::block;
    if (shape.values != values_are::first_dims_of_keys) throw error("[heads.values] of a cache of latents are their own: a latent is both. Fix: values_are::first_dims_of_keys.");
    if (shape.dim_v % block != 0) throw error("[heads.dim_v] is ", shape.dim_v, ": a latent is whole blocks of ", block, " values that share a scale. Fix: a multiple, or other numbers.");
  }
}
template <class Number>
void check_cache(const cache_view<Number>& cache) {
  check_number<Number>(cache.shape);
  if (cache.pages == nullptr) return;
  if (cache.page_keys <= 0) throw error("[cache.page_keys] is ", cache.page_keys, ": a page holds at least one key. Fix: give the size that the pool was made with.");
  if (cache.capacity % cache.page_keys != 0)
    throw error("[cache.capacity] is ", cache.capacity, ": it must be a multiple of page_keys, ", cache.page_keys, ": the table names whole pages. Fix: pages times page_keys.");
  if (const index_t least = static_cast<index_t>(page_layout_of(cache).bytes(cache.shape.kv)); cache.page_stride != 0 && cache.page_stride < least)
    throw error("[cache.page_stride] is ", cache.page_stride, ": a page of these heads takes ", least, " bytes. Fix: that, more, or 0 for exactly that.");
}
inline void check_append(const heads& shape, index_t capacity, const readable<3>& k, const readable<3>& v, index_t first) {
  check_heads(shape);
  const index_t tokens = k.extent[0];
  const bool own = shape.values == values_are::their_own;
  if (!own && v.data != nullptr) throw error("[v] of append must be empty: the cache's values are the first dims of its keys. Fix: leave v out.");
  if (k.extent[1] != shape.kv || k.extent[2] != shape.dim || (own && (v.extent[0] != tokens || v.extent[1] != shape.kv || v.extent[2] != shape.dim_v)))
    throw error("[k, v] of append must be [", tokens, ", ", shape.kv, ", ", shape.dim, "] and [", tokens, ", ", shape.kv, ", ", shape.dim_v,
                "]. Fix: give the heads that the cache was made for.");
  if (k.stride[2] != 1 || (own && v.stride[2] != 1)) throw error("[k, v] of append must be dense in their last axis. Fix: copy them first.");
  if (first < 0 || first + tokens > capacity)
    throw error("[first] of append: positions ", first, " to ", first + tokens, " do not fit a cache of ", capacity, " keys. Fix: a larger capacity.");
}

// Rows of one head as floats, `stride` apart.
struct head_rows {
  const float* data;
  index_t stride;
};
inline head_rows rows_of(const readable<3>& x, index_t first, int count, int head, int width, float* room) {
  if (x.data == nullptr) return {nullptr, 0};
  if (x.kind == float_kind::f32) return {reinterpret_cast<const float*>(x.row(first, head)), x.stride[0]};
  for (int i = 0; i < count; ++i) as_floats(x.row(first + i, head), x.kind, room + i * width, width);
  return {room, width};
}

}  // namespace kernel_detail

/// Bytes of one layer's contiguous cache of `capacity` keys; a multiple of 64.
template <cache_number Number, class Machine>
std::size_t cache_bytes(const Machine&, heads shape, index_t capacity) {
  return kernel_detail::layout_of<Number>(shape, capacity).bytes(shape.kv);
}
/// Bytes of one page of `page_keys` keys of one layer; a multiple of 64.
template <cache_number Number, class Machine>
std::size_t page_bytes(const Machine&, heads shape, index_t page_keys) {
  return kernel_detail::layout_of<Number>(shape, page_keys).bytes(shape.kv);
}
/// The fewest keys of a page that holds `keys`.
template <class Machine>
index_t page_keys_for(const Machine&, index_t keys) {
  return keys;
}
/// Throws tenon::error where no cache of these heads has pages of so many keys.
template <cache_number Number, class Machine>
void check_pool(const Machine&, const heads& shape, index_t) {
  kernel_detail::check_heads(shape);
  kernel_detail::check_number<Number>(shape);
}

/// Writes k [token, kv_head, dim] and v [token, kv_head, dim_v], of float, bf16 or f16, at positions first, first + 1, ... in the
/// cache's own numbers, and sets cache.length to the position after the last. The last axis of both is dense; v is empty where
/// values are the first dims of keys. A smaller `first` forgets what came after. Throws tenon::error for a wrong shape or a full cache.
template <class Machine, cache_number Number>
void append(const Machine& machine, cache_view<Number>& cache, readable<3> k, readable<3> v, index_t first) {
  const heads& shape = cache.shape;
  const index_t tokens = k.extent[0];
  kernel_detail::check_append(shape, cache.capacity, k, v, first);
  kernel_detail::check_cache(cache);
  cache.length = first + tokens;
  if (tokens == 0) return;
  const index_t page_keys = cache.pages == nullptr ? cache.capacity : cache.page_keys;
  const auto layout = kernel_detail::page_layout_of(cache);
  const index_t bytes = kernel_detail::page_stride_of(cache);
  constexpr index_t panel = atoms::cpu_cache_layout::panel;
  const auto panel_of = [&](index_t key) { return key / page_keys * layout.panels() + key % page_keys / panel; };  // counted through the pages
  const index_t first_panel = panel_of(first), panels = panel_of(first + tokens - 1) + 1 - first_panel;
  const bool alone = tokens * shape.kv * (shape.dim + shape.dim_v) < 65536;  // a parallel region would cost more
  const int parts = alone ? 1 : machine.threads();
  machine.parallel(parts, [&](int part) {
    float k_room[panel * 576], v_room[panel * 576];
    for (index_t item = part; item < shape.kv * panels; item += parts) {
      const int head = static_cast<int>(item % shape.kv);
      const index_t at = first_panel + item / shape.kv, page = at / layout.panels();
      const index_t start = page * page_keys + at % layout.panels() * panel, page_end = (page + 1) * page_keys, end = start + panel < page_end ? start + panel : page_end;
      const index_t from = start < first ? first : start, to = end < first + tokens ? end : first + tokens;
      const int count = static_cast<int>(to - from);
      const auto keys = kernel_detail::rows_of(k, from - first, count, head, shape.dim, k_room), values = kernel_detail::rows_of(v, from - first, count, head, shape.dim_v, v_room);
      std::byte* page_at = cache.data + (cache.pages == nullptr ? 0 : cache.pages[page] * bytes);
      layout.write(page_at, head, from - page * page_keys, count, keys.data, keys.stride, values.data, values.stride, shape.dim_v);
    }
  });
}

/// The same for many sequences: rows [first_query[b], first_query[b + 1]) of k and v go behind what sequence b holds.
template <class Machine, cache_number Number>
void append(const Machine& machine, const ragged<Number>& batch, readable<3> k, readable<3> v) {
  for (int b = 0; b < batch.count; ++b) {
    const index_t from = batch.first_query[b], count = batch.first_query[b + 1] - from;
    append(machine, batch.caches[b], k.rows(from, count), v.data == nullptr ? v : v.rows(from, count), batch.caches[b].length);
  }
}

TENON_KERNELS_END
