#pragma once
// The cache of keys and values on a GPU: [kv_head][key][dim], keys then values; where they are of 8 bits, each followed by its scales [kv_head][key].

#include <tenon/kernels/launch/cache.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/shared/device_kept.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
/// Of keys or of values, `keys` of them in `kv` heads.
template <cache_number Number>
index_t kept_bytes(index_t kv, index_t dim, index_t keys) {
  return static_cast<index_t>(round_up(static_cast<std::size_t>(kv * keys * cached_row_bytes<Number>(dim)), 64));
}
}  // namespace kernel_detail

/// One layer's keys and values of one sequence, in memory of the machine that someone else holds: cache_bytes of it, aligned to 64. Its heads
/// are constants, because a GPU packs the queries of a group into one tile.
template <int Query, int Kv, int Dim, cache_number Number = bf16>
struct device_cache {
  using layout = dense_keys;
  using number = Number;
  using stored = typename kept_number<Number>::storage;
  static constexpr int query_heads = Query, kv_heads = Kv, dim = Dim;
  std::byte* data = nullptr;
  heads shape{};
  index_t capacity = 0;                     ///< keys that fit
  index_t length = 0;                       ///< keys that are there, as the host knows it; `append` moves it
  const std::int32_t* length_at = nullptr;  ///< the same where kernels read it: a replayed kernel is not told anew

  stored* keys() const { return reinterpret_cast<stored*>(data); }
  stored* values() const { return reinterpret_cast<stored*>(data + kernel_detail::kept_bytes<Number>(Kv, Dim, capacity)); }
  index_t head_stride() const { return capacity * Dim; }
  /// Bytes from keys to their scales, and from values to theirs.
  index_t scales() const { return Kv * head_stride() * static_cast<index_t>(sizeof(stored)); }
  page_table table() const { return {}; }
};

/// The same in pages: `data` is a pool of pages of `page_keys` keys, a multiple of 128, each page_bytes<Number>(machine, shape, page_keys), as a contiguous
/// cache of so many. Key k lies in page pages[k / page_keys], a table in memory of the machine, of capacity / page_keys pages.
template <int Query, int Kv, int Dim, cache_number Number = bf16>
struct paged_device_cache {
  using layout = paged_keys;
  using number = Number;
  using stored = typename kept_number<Number>::storage;
  static constexpr int query_heads = Query, kv_heads = Kv, dim = Dim;
  std::byte* data = nullptr;
  heads shape{};
  index_t capacity = 0, length = 0;
  const std::int32_t* pages = nullptr;
  index_t page_keys = 0;
  index_t page_stride = 0;  ///< bytes from a page of the pool to the next; 0: page_bytes
  const std::int32_t* length_at = nullptr;

  stored* keys() const { return reinterpret_cast<stored*>(data); }
  stored* values() const { return reinterpret_cast<stored*>(data + kernel_detail::kept_bytes<Number>(Kv, Dim, page_keys)); }
  index_t head_stride() const { return page_keys * Dim; }
  index_t scales() const { return Kv * head_stride() * static_cast<index_t>(sizeof(stored)); }
  page_table table() const {
    const index_t bytes = page_stride != 0 ? page_stride : 2 * kernel_detail::kept_bytes<Number>(Kv, Dim, page_keys);
    return {pages, static_cast<int>(page_keys), bytes / static_cast<index_t>(sizeof(stored))};
  }
};

TENON_KERNELS_END

namespace tenon {
template <int Query, int Kv, int Dim, class Number>
inline constexpr bool may_lie_in_pages<paged_device_cache<Query, Kv, Dim, Number>> = true;
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
    if constexpr (kept_number<typename Cache::number>::scaled) {
      if (cache.page_stride % 64 != 0) throw error("[cache.page_stride] is ", cache.page_stride, " bytes: scales lie between rows, which are read 16 bytes at a time. Fix: a multiple of 64.");
    } else {
      const index_t of_head = cache.head_stride() * static_cast<index_t>(sizeof(bf16));
      if (cache.page_stride % of_head != 0)
        throw error("[cache.page_stride] is ", cache.page_stride, " bytes: pages are whole heads of ", of_head, " apart, as CUDA describes tensors. Fix: a multiple of it.");
    }
  }
}
}  // namespace kernel_detail

template <device_machine Machine, cache_number Number, heads Shape>
struct cache_on<Machine, Number, Shape> {
  static constexpr bool read = std::same_as<Number, bf16> || std::same_as<Number, int8_per_128> || std::same_as<Number, e4m3_per_128>;
  static_assert(read, "[precision.cache] must be bf16, int8_per_128 or e4m3_per_128 on a GPU: its kernels read no other. Fix: precision_policy<bf16>.");
  static_assert(Shape.dim == Shape.dim_v && (Shape.dim == 64 || Shape.dim == 128),
                "[attention.head_dim] must be 64 or 128 on a GPU: its tiles are that wide. Fix: pad the heads of the model.");
  using number = std::conditional_t<read, Number, bf16>;
  using type = device_cache<Shape.query, Shape.kv, Shape.dim, number>;
};
template <device_machine Machine, cache_number Number, heads Shape>
struct cache_on<in_pages<Machine>, Number, Shape> : cache_on<Machine, Number, Shape> {
  using type = paged_device_cache<Shape.query, Shape.kv, Shape.dim, typename cache_on<Machine, Number, Shape>::number>;
};

template <cache_number Number, device_machine Machine>
std::size_t cache_bytes(const Machine&, heads shape, index_t capacity) {
  return static_cast<std::size_t>(kernel_detail::kept_bytes<Number>(shape.kv, shape.dim, capacity) + kernel_detail::kept_bytes<Number>(shape.kv, shape.dim_v, capacity));
}
template <cache_number Number, device_machine Machine>
std::size_t page_bytes(const Machine& machine, heads shape, index_t page_keys) {
  return cache_bytes<Number>(machine, shape, page_keys);
}
/// At least `keys`, a multiple of 128: a block of keys, 128 at most, lies in one page.
template <device_machine Machine>
index_t page_keys_for(const Machine&, index_t keys) {
  return static_cast<index_t>(round_up(static_cast<std::size_t>(keys), page_table::granule));
}
template <cache_number Number, device_machine Machine>
void check_pool(const Machine&, const heads& shape, index_t page_keys) {
  kernel_detail::check_heads(shape);
  kernel_detail::check_page_keys(page_keys);
}

TENON_KERNELS_END
