#pragma once
// The cache of keys and values on a GPU: [kv_head][key][dim] of bf16, keys then values. Appending to it moves 6 bytes per value.

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/cache.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/shared/device_block.hpp>
#include <tenon/kernels/shared/device_keys.hpp>

TENON_KERNELS_BEGIN

/// One layer's keys and values of one sequence, in memory of the machine that someone else holds: cache_bytes of it, aligned to 64. Its heads
/// are constants, because a GPU packs the queries of a group into one tile.
template <int Query, int Kv, int Dim>
struct device_cache {
  using layout = dense_keys;
  using number = bf16;
  static constexpr int query_heads = Query, kv_heads = Kv, dim = Dim;
  std::byte* data = nullptr;
  heads shape{};
  index_t capacity = 0;                     ///< keys that fit
  index_t length = 0;                       ///< keys that are there, as the host knows it; `append` moves it
  const std::int32_t* length_at = nullptr;  ///< the same where kernels read it: a replayed kernel is not told anew

  bf16* keys() const { return reinterpret_cast<bf16*>(data); }
  bf16* values() const { return keys() + Kv * head_stride(); }
  index_t head_stride() const { return capacity * Dim; }
  page_table table() const { return {}; }
};

/// The same in pages: `data` is a pool of pages of `page_keys` keys, a multiple of 128, each page_bytes<bf16>(machine, shape, page_keys), as a contiguous
/// cache of so many. Key k lies in page pages[k / page_keys], a table in memory of the machine, of capacity / page_keys pages.
template <int Query, int Kv, int Dim>
struct paged_device_cache {
  using layout = paged_keys;
  using number = bf16;
  static constexpr int query_heads = Query, kv_heads = Kv, dim = Dim;
  std::byte* data = nullptr;
  heads shape{};
  index_t capacity = 0, length = 0;
  const std::int32_t* pages = nullptr;
  index_t page_keys = 0;
  index_t page_stride = 0;  ///< bytes from a page of the pool to the next; 0: page_bytes
  const std::int32_t* length_at = nullptr;

  bf16* keys() const { return reinterpret_cast<bf16*>(data); }
  bf16* values() const { return keys() + Kv * head_stride(); }
  index_t head_stride() const { return page_keys * Dim; }
  page_table table() const {
    const index_t bytes = page_stride != 0 ? page_stride : static_cast<index_t>(round_up(static_cast<std::size_t>(2 * Kv * head_stride()) * sizeof(bf16), 64));
    return {pages, static_cast<int>(page_keys), bytes / static_cast<index_t>(sizeof(bf16))};
  }
};
TENON_KERNELS_END

namespace tenon {
template <int Query, int Kv, int Dim>
inline constexpr bool may_lie_in_pages<paged_device_cache<Query, Kv, Dim>> = true;
}  // namespace tenon

TENON_KERNELS_BEGIN

/// What attend and append take on a GPU.
template <class Cache>
concept cache_of_device = requires(const Cache& cache) {
  typename Cache::layout;
  { cache.table() } -> std::same_as<page_table>;
  cache.length_at;
};

/// A GPU as the layers of a model see it whose keys and values lie in pages.
template <device_machine Machine>
struct in_pages : Machine {
  in_pages(const Machine& machine) : Machine(machine) {}
};
template <device_machine Machine>
struct paging_on<Machine> {
  using type = in_pages<Machine>;
};

namespace kernel_detail {
inline void check_page_keys(index_t page_keys) {
  if (page_keys <= 0 || page_keys % page_table::granule != 0)
    throw error("[cache.page_keys] is ", page_keys, ": on a GPU a page holds whole blocks of ", page_table::granule, " keys. Fix: a multiple of it.");
}
template <cache_of_device Cache>
void check_pages(const Cache& cache) {
  if constexpr (std::is_same_v<typename Cache::layout, paged_keys>) {
    check_page_keys(cache.page_keys);
    if (cache.capacity % cache.page_keys != 0)
      throw error("[cache.capacity] is ", cache.capacity, ": it must be a multiple of page_keys, ", cache.page_keys, ": the table names whole pages. Fix: pages times page_keys.");
    const index_t of_head = cache.head_stride() * static_cast<index_t>(sizeof(bf16));
    if (cache.page_stride % of_head != 0)
      throw error("[cache.page_stride] is ", cache.page_stride, " bytes: pages are whole heads of ", of_head, " apart, as CUDA describes tensors. Fix: a multiple of it.");
  }
}
}  // namespace kernel_detail

template <device_machine Machine, cache_number Number, heads Shape>
struct cache_on<Machine, Number, Shape> {
  static_assert(std::same_as<Number, bf16>, "[precision.cache] must be bf16 on a GPU: its kernels read no other. Fix: precision_policy<bf16>.");
  static_assert(Shape.dim == Shape.dim_v && (Shape.dim == 64 || Shape.dim == 128),
                "[attention.head_dim] must be 64 or 128 on a GPU: its tiles are that wide. Fix: pad the heads of the model.");
  using type = device_cache<Shape.query, Shape.kv, Shape.dim>;
};
template <device_machine Machine, cache_number Number, heads Shape>
struct cache_on<in_pages<Machine>, Number, Shape> : cache_on<Machine, Number, Shape> {
  using type = paged_device_cache<Shape.query, Shape.kv, Shape.dim>;
};

template <cache_number Number, device_machine Machine>
std::size_t cache_bytes(const Machine&, heads shape, index_t capacity) {
  return round_up(static_cast<std::size_t>(shape.kv * capacity * (shape.dim + shape.dim_v)) * sizeof(bf16), 64);
}
template <cache_number Number, device_machine Machine>
std::size_t page_bytes(const Machine& machine, heads shape, index_t page_keys) {
  return cache_bytes<Number>(machine, shape, page_keys);
}
template <cache_number Number, device_machine Machine>
void check_pool(const Machine&, const heads& shape, index_t page_keys) {
  kernel_detail::check_heads(shape);
  kernel_detail::check_page_keys(page_keys);
}

/// k and v [token, kv_head, dim], rounded, behind the keys that are there, or each where its slot says. Grid: x = tokens.
template <class Leaf>
struct append_body {
  static constexpr int threads = 128;
  const float *k, *v;
  index_t k_token, k_head, v_token, v_head;  ///< strides
  bf16 *keys, *values;
  index_t cache_head;
  const std::int32_t* first;  ///< position of token 0, in memory
  int heads, dim;
  bool wide;                            ///< whether rows of k and v are aligned to 16 bytes
  const std::int32_t* slots = nullptr;  ///< [token]: -1 is left out; null: one behind the other
  page_table pages = {};                ///< without a table: one

  TENON_BOTH TENON_INLINE void operator()() const {
    const int per_head = dim / 4, items = heads * per_head;
    const index_t token = Leaf::block_x();
    int key = slots != nullptr ? Leaf::load(slots + token) : Leaf::load(first) + static_cast<int>(token);
    if (key < 0) return;
    const index_t page = pages.table == nullptr ? 0 : pages.page_of<Leaf>(key, key);
    for (int i = Leaf::thread(); i < 2 * items; i += threads) {
      const bool of_keys = i < items;
      const int item = of_keys ? i : i - items, head = item / per_head, at = item % per_head * 4;
      float four[4];
      load_four<Leaf>(of_keys ? k + token * k_token + head * k_head + at : v + token * v_token + head * v_head + at, wide, 4, four);
      bf16* const to = (of_keys ? keys : values) + page + head * cache_head + index_t{key} * dim + at;
      Leaf::store(reinterpret_cast<bits64*>(to), bits64{{Leaf::pack_bf16(four[0], four[1]), Leaf::pack_bf16(four[2], four[3])}});
    }
  }
};

namespace kernel_detail {
/// The launch alone, into `cache`, which may be the first of several that `slots` reach.
template <device_machine Machine, cache_of_device Cache>
void append_rows(const Machine& machine, const Cache& cache, const view<const float, 3>& k, const view<const float, 3>& v, const std::int32_t* first, const std::int32_t* slots) {
  const auto aligned = [](const view<const float, 3>& x) { return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && x.stride[0] % 4 == 0 && x.stride[1] % 4 == 0; };
  launch(machine, static_cast<int>(k.extent[0]), 1,
         append_body<typename Machine::leaf>{k.data, v.data, k.stride[0], k.stride[1], v.stride[0], v.stride[1], cache.keys(), cache.values(), cache.head_stride(), first, Cache::kv_heads,
                                             Cache::dim, aligned(k) && aligned(v), slots, cache.table()});
}
}  // namespace kernel_detail

/// As on a processor, over memory of the machine: k and v [token, kv_head, dim] at positions first, first + 1, ..., or where `slots` [token] says.
template <device_machine Machine, cache_of_device Cache>
void append(const Machine& machine, Cache& cache, view<const float, 3> k, view<const float, 3> v, device_place first, const std::int32_t* slots = nullptr) {
  constexpr int Kv = Cache::kv_heads, Dim = Cache::dim;
  kernel_detail::check_append({Cache::query_heads, Kv, Dim, Dim}, cache.capacity, k, v, first.first);
  kernel_detail::check_pages(cache);
  cache.length = first.first + k.extent[0], cache.length_at = first.at + 1;
  if (k.extent[0] != 0) kernel_detail::append_rows(machine, cache, k, v, first.at, slots);
}

TENON_KERNELS_END
