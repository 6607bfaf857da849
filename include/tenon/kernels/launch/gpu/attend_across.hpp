#pragma once
// Attention across segments on a GPU: the tokens at one place of all segments of a sequence attend to each other, as a sequence of their own whose positions are
// the segments' numbers. Each place has a cache, contiguous or in pages, all equally far apart. Moves what `append` and `attend` move, and all rows twice more.

#include <tenon/kernels/launch/gpu/attend_heads.hpp>

TENON_KERNELS_BEGIN

/// Where the tokens of a block stand. One block.
template <class Leaf>
struct place_tokens_body {
  static constexpr int threads = 512;
  const std::int32_t* first;
  int tokens, length, most;        ///< of a segment; rows of a place that a block may have
  std::int32_t* rows;              ///< [token]: of its query
  std::int32_t *counts, *lengths;  ///< [place]: queries, and keys

  TENON_BOTH void operator()() const {
    const int from = Leaf::load(first);
    for (int t = Leaf::thread(); t < tokens; t += threads) {
      const int place = (from + t) % length;
      Leaf::store(rows + t, place * most + t / length);
    }
    for (int place = Leaf::thread(); place < length; place += threads) {
      const int before = (place - from % length + length) % length;  // tokens of the block before the first at this place
      Leaf::store(counts + place, before < tokens ? (tokens - before + length - 1) / length : 0);
      Leaf::store(lengths + place, (from + tokens + length - 1 - place) / length);
    }
  }
};

namespace kernel_detail {
struct across_parts {
  std::int32_t *rows, *counts, *lengths;
  bf16* q;
  float* results;
  std::byte* attention;
  index_t most;

  across_parts(const heads& shape, index_t tokens, index_t length, std::byte* at) : most(tiles(tokens, static_cast<int>(length))) {
    const auto next = [&](auto*& to, index_t count) { cut(at, to, count); };
    const index_t numbers = length * most * shape.query * shape.dim;
    next(rows, tokens), next(counts, length), next(lengths, length), next(q, numbers), next(results, numbers), next(attention, 0);
  }
};
/// Segments that launches over `tokens` tokens are good for.
inline index_t segments_reached(index_t tokens, index_t length, index_t capacity) {
  return tiles(reach_of(tokens, capacity), static_cast<int>(length));
}
/// Numbers from the cache of each of `length` places to the next's. Throws tenon::error where that differs.
template <cache_of_device Cache>
index_t places_apart(const Cache* places, index_t length) {
  if (length <= 1) return 0;
  const std::ptrdiff_t bytes = places[1].data - places[0].data;
  for (index_t i = 1; i < length; ++i)
    if (places[i].data != places[0].data + i * bytes || places[i].capacity != places[0].capacity)
      throw error("[places] of attend_across: that of number ", i, " has not the room of the first, or lies not as far behind as the others. Fix: caches of one size, one behind the other.");
  return bytes / static_cast<index_t>(sizeof(typename Cache::stored));
}
}  // namespace kernel_detail

/// For blocks of up to `tokens` tokens of a sequence of up to `capacity`, in segments of `length`.
template <device_machine Machine>
std::size_t attention_across_scratch(const Machine& machine, const heads& shape, index_t tokens, index_t length, index_t capacity) {
  const kernel_detail::across_parts parts(shape, tokens, length, nullptr);
  const index_t segments = kernel_detail::segments_reached(capacity, length, 2 * capacity + 512);
  return reinterpret_cast<std::uintptr_t>(parts.attention) + kernel_detail::partial_bytes(machine, shape.kv * static_cast<int>(length), shape.query / shape.kv, shape.dim, parts.most, segments,
                                                                                         kernel_detail::split_of(fixed_split{}, segments));
}

/// Appends k and v [token, kv_head, dim] to `places`, the caches of the places of segments of `length` tokens, and attends with q [token, head, dim] to what stands
/// at the place of each: out [token, head, dim]. Rotated, if at all, by the numbers of their segments. Masks and scores see these as positions.
template <device_machine Machine, cache_of_device Cache, class Mask, class Score>
void attend_across(const Machine& machine, view<const float, 3> q, view<const float, 3> k, view<const float, 3> v, const Cache* places, view<float, 3> out, index_t length, const Mask& mask,
                   const Score& score, device_place first, std::byte* scratch) {
  constexpr int Query = Cache::query_heads, Kv = Cache::kv_heads, Dim = Cache::dim, width = Query * Dim;
  using leaf = typename Machine::leaf;
  using problem = counted_attention<Mask, Score, softmax, Dim, Query / Kv, typename Cache::layout, typename Cache::number>;
  const Cache& place = places[0];
  const index_t tokens = q.extent[0], capacity = place.capacity * length, apart = kernel_detail::places_apart(places, length);
  kernel_detail::check_attend(q, {Query, Kv, Dim, Dim}, out, Dim, Dim);
  kernel_detail::check_pages(place);
  if (q.stride[1] != Dim || out.stride[1] != Dim) throw error("[q, out] of attend_across must have their heads one behind the other. Fix: copy them first.");
  kernel_detail::check_append({Query, Kv, Dim, Dim}, capacity, k, v, first.first);
  if (tokens == 0) return;
  const kernel_detail::across_parts parts({Query, Kv, Dim, Dim}, tokens, length, scratch);
  kernel_detail::launch(machine, 1, 1,
                        place_tokens_body<leaf>{first.at, static_cast<int>(tokens), static_cast<int>(length), static_cast<int>(parts.most), parts.rows, parts.counts, parts.lengths});
  kernel_detail::append_rows(machine, place, k, v, first.at, nullptr, static_cast<int>(length), apart);
  kernel_detail::launch(machine, static_cast<int>(tokens), 1, gather_heads_body<leaf>{q.data, q.stride[0], parts.q, parts.rows, 1, 1, width, 0});

  const index_t reach = kernel_detail::segments_reached(first.first + tokens, length, capacity);
  attention_arguments<problem> a{};
  a.q = parts.q, a.keys = place.keys(), a.values = place.values(), a.out = parts.results;
  a.lengths = parts.lengths, a.queries_at = parts.counts, a.length = static_cast<int>(reach), a.queries = static_cast<int>(parts.most), a.heads = Query, a.kv_heads = Kv;
  a.q_head = a.out_head = Dim, a.q_query = a.out_query = width, a.q_batch = a.out_batch = parts.most * width;
  a.cache_head = place.head_stride(), a.pages = place.table(), a.scales = place.scales();
  (kept_number<typename Cache::number>::scaled ? a.scaled_batch : a.cache_batch) = apart;
  a.mask = mask, a.score = score;
  kernel_detail::attend_by_rows(machine, a, static_cast<int>(length), reach, reach, fixed_split{}, parts.attention);
  kernel_detail::launch(machine, static_cast<int>(tokens), 1, scatter_heads_body<leaf>{parts.results, nullptr, 0, out.data, out.stride[0], parts.rows, 1, 1, width, 0});
}

TENON_KERNELS_END
