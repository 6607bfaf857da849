#pragma once
// Attention over a cache on a GPU, called as on a processor. A few queries split the keys over blocks, whose results are merged in order of
// the keys; many queries are tiles of rows, split too where the keys are more than one split. Which of these happens shows in no bit of a
// result under fixed_split. The grid covers as many keys as may be reached soon, not those that are there: a recorded launch serves many tokens.

#include <concepts>

#include <tenon/core/fault.hpp>
#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/gpu/attention_split.hpp>
#include <tenon/kernels/launch/gpu/append.hpp>
#include <tenon/kernels/launch/gpu/products.hpp>

TENON_KERNELS_BEGIN

/// A problem by its parts.
template <class Mask, class Score, class Weighting, int Dim, int Group, class Keys = dense_keys, class Kept = bf16>
struct device_attention {
  using mask = Mask;
  using score = Score;
  using weighting = Weighting;
  using keys = Keys;
  using kept = Kept;
  using out = float;
  static constexpr int dim = Dim, group = Group;
};
/// The same of sequences that each have as many queries as the machine has counted.
template <class Mask, class Score, class Weighting, int Dim, int Group, class Keys = dense_keys, class Kept = bf16>
struct counted_attention : device_attention<Mask, Score, Weighting, Dim, Group, Keys, Kept> {
  using counted_rows = void;
};

namespace kernel_detail {

// Partial results of a call lie in no more memory than this; more queries than fit are taken in turn.
inline constexpr std::size_t most_partial_bytes = std::size_t{16} << 20;

/// How a call is cut: tiles of `rows` rows, splits of the keys, tiles that are taken at a time.
struct device_cut {
  int tile_queries, splits, slab;
  std::size_t tile_bytes;  ///< partial results of one tile of all kv heads

  device_cut(int rows, int group, int kv, int dim, index_t queries, index_t reach, int split)
      : tile_queries(rows / group), splits(static_cast<int>(tiles(reach < 1 ? 1 : reach, split))), tile_bytes(static_cast<std::size_t>(kv) * static_cast<std::size_t>(splits) * static_cast<std::size_t>(rows * (dim + 4)) * sizeof(float)) {
    const index_t all = tiles(queries, tile_queries), fit = static_cast<index_t>(most_partial_bytes / tile_bytes);
    slab = static_cast<int>(all < fit ? all : fit < 1 ? 1 : fit);
  }
  /// Partial results of any call with no more queries and no further a reach.
  std::size_t most_bytes(index_t queries) const {
    const std::size_t all = static_cast<std::size_t>(tiles(queries, tile_queries)) * tile_bytes, most = most_partial_bytes > tile_bytes ? most_partial_bytes : tile_bytes;
    return all < most ? all : most;
  }
};

template <class Machine, int Dim, class Kept>
using many_rows = typename words_of<typename Machine::arch>::template attention<typename Machine::leaf, device_attention<void, void, void, Dim, 1, dense_keys, Kept>>;
template <class Machine, int Dim, class Kept>
using few_rows = typename words_of<typename Machine::arch>::template attention_split<typename Machine::leaf, device_attention<void, void, void, Dim, 1, dense_keys, Kept>>;

template <class Words, device_machine Machine, class Problem>
void attend_split(const Machine& machine, const attention_arguments<Problem>& all, int batches, index_t reach, int split, std::byte* scratch) {
  const int groups = all.heads / Problem::group;
  const device_cut cut(Words::block_rows, Problem::group, groups * batches, Problem::dim, all.queries, reach, split);
  const int step = cut.slab * cut.tile_queries;
  for (int first = 0; first < all.queries; first += step) {
    attention_split_arguments<Problem> a{all, reinterpret_cast<float*>(scratch), split, cut.splits};
    a.call.queries = all.queries - first < step ? all.queries - first : step;
    a.call.before = first, a.call.after = all.queries - first - a.call.queries;
    a.call.q += first * all.q_query, a.call.out += first * all.out_query;
    const int here = tiles(a.call.queries, cut.tile_queries);
    launch(machine, cut.splits * here, groups, attention_split_on<Words>(machine, a, batches, reach), Words::shared_bytes, batches);
    launch(machine, here, groups, attention_merge_body<typename Machine::leaf, Words, Problem>{a}, 0, batches);
  }
}

/// A call by the words that its number of rows asks for.
template <device_machine Machine, class Problem, class Reduction>
void attend_by_rows(const Machine& machine, const attention_arguments<Problem>& a, int batches, index_t length, index_t capacity, const Reduction& reduction, std::byte* scratch) {
  using leaf = typename Machine::leaf;
  using many = typename words_of<typename Machine::arch>::template attention<leaf, Problem>;
  using few = typename words_of<typename Machine::arch>::template attention_split<leaf, Problem>;
  const int split = split_of(reduction, capacity);
  const index_t reach = reach_of(length, capacity);
  if (a.queries * Problem::group <= few::block_rows)
    attend_split<few>(machine, a, batches, reach, split, scratch);
  else if (reach <= split || !std::same_as<Reduction, fixed_split>)
    launch(machine, tiles(a.queries, many::block_rows / Problem::group), a.heads / Problem::group, attention_on<many>(machine, a, batches, reach), many::shared_bytes, batches);
  else
    attend_split<many>(machine, a, batches, reach, split, scratch);
}

/// Bytes of the partial results of any call with no more queries, whatever its cache is of.
template <device_machine Machine>
std::size_t partial_bytes(const Machine&, int groups, int group, int dim, index_t queries, index_t capacity, int split) {
  std::size_t most = 0;
  const auto raise = [&](int rows) {
    const std::size_t bytes = device_cut(rows, group, groups, dim, queries, capacity, split).most_bytes(queries);
    most = bytes > most ? bytes : most;
  };
  const auto of = [&]<class Kept>(Kept) {
    raise(dim == 64 ? many_rows<Machine, 64, Kept>::block_rows : many_rows<Machine, 128, Kept>::block_rows);
    raise(dim == 64 ? few_rows<Machine, 64, Kept>::block_rows : few_rows<Machine, 128, Kept>::block_rows);
  };
  of(bf16{}), of(int8_per_128{});
  return round_up(most, 64);
}

}  // namespace kernel_detail

/// q rounded, and the partial results of a call.
template <class Reduction = fixed_split, device_machine Machine>
std::size_t attention_scratch(const Machine& machine, heads shape, index_t queries, index_t capacity, const Reduction& reduction = {}) {
  kernel_detail::check_heads(shape);
  return round_up(static_cast<std::size_t>(queries * shape.query * shape.dim) * sizeof(bf16), 64) +
         kernel_detail::partial_bytes(machine, shape.kv, shape.query / shape.kv, shape.dim, queries, capacity, kernel_detail::split_of(reduction, capacity));
}

/// As on a processor, for one sequence over memory of the machine: q and out [query, head, dim] of float; query i stands at position
/// length - queries + i. scratch: attention_scratch for these queries, the cache's capacity and this reduction. Values of masked keys must
/// be finite. Throws tenon::error for shapes that do not fit.
template <int DimQK, int DimV, class Reduction = fixed_split, device_machine Machine, cache_of_device Cache, class Mask, class Score, class Weighting = softmax>
void attend(const Machine& machine, view<const float, 3> q, const Cache& cache, view<float, 3> out, const Mask& mask, const Score& score, std::byte* scratch,
            const Weighting& weighting = {}, const Reduction& reduction = {}) {
  constexpr int Query = Cache::query_heads, Kv = Cache::kv_heads, Dim = Cache::dim;
  static_assert((DimQK == 0 || DimQK == Dim) && (DimV == 0 || DimV == Dim), "[attend] was given other head dims than its cache has. Fix: make them equal.");
  using problem = device_attention<Mask, Score, Weighting, Dim, Query / Kv, typename Cache::layout, typename Cache::number>;
  kernel_detail::check_pages(cache);
  kernel_detail::check_attend(q, {Query, Kv, Dim, Dim}, out, Dim, Dim);
  const index_t queries = q.extent[0];
  if (cache.length > cache.capacity) throw error("[cache.length] is ", cache.length, " with a capacity of ", cache.capacity, " keys. Fix: append before attending.");
  if (queries == 0) return;
  view<const float, 2> rows(q.data, queries, Query * Dim);
  rows.stride[0] = q.stride[0];
  if (q.stride[1] != Dim) throw error("[q] of attend must have its heads one behind the other on a GPU. Fix: copy it first.");

  attention_arguments<problem> a{};
  a.q = kernel_detail::arrange_rows<natural_order>(machine, rows, reinterpret_cast<bf16*>(scratch)), a.keys = cache.keys(), a.values = cache.values(), a.out = out.data;
  a.lengths = cache.length_at, a.length = static_cast<int>(cache.length), a.queries = static_cast<int>(queries), a.heads = Query, a.kv_heads = Kv;
  a.q_head = Dim, a.q_query = Query * Dim, a.out_head = out.stride[1], a.out_query = out.stride[0], a.cache_head = cache.head_stride(), a.cache_batch = Kv * a.cache_head, a.pages = cache.table(), a.scales = cache.scales();
  a.mask = mask, a.score = score, a.weighting = weighting;
  scratch += round_up(static_cast<std::size_t>(queries * Query * Dim) * sizeof(bf16), 64);

  kernel_detail::attend_by_rows(machine, a, 1, cache.length, cache.capacity, reduction, scratch);
}

TENON_KERNELS_END
