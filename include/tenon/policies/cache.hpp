#pragma once
// What a cache of keys and values holds, said without a machine: the numbers, the heads, the pages, the sequences. How the bytes
// lie is the machine's business (kernels/atoms/<machine>/cache.hpp), who owns them the runtime's (runtime/pages.hpp).

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <tenon/core/block_scaled.hpp>
#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

namespace detail {
template <class T>
inline constexpr bool is_plain_number = std::same_as<T, float> || std::same_as<T, bf16> || std::same_as<T, f16>;
template <class T>
inline constexpr bool is_latent_and_rotary = false;
}  // namespace detail

/// Keys in two kinds of numbers: their first dim_v dims, the latent that is also the value, in 8 bits; the others, which positions
/// turn, as `Rotary`. The cache of MLA: latent_and_rotary<e4m3_per_128> takes 656 bytes for 512 + 64 dims. Only for
/// values_are::first_dims_of_keys, dim_v a multiple of the values that share a scale.
template <shares_scales Latent, class Rotary = bf16>
struct latent_and_rotary {
  static_assert(detail::is_plain_number<Rotary>, "[latent_and_rotary.Rotary] must be float, bf16 or f16. Fix: leave it out for bf16.");
  using latent = Latent;
  using rotary = Rotary;
};
template <class Latent, class Rotary>
inline constexpr bool detail::is_latent_and_rotary<latent_and_rotary<Latent, Rotary>> = true;

/// What a cache can hold: float, bf16, f16, numbers of 8 bits that share scales (int8_per_128, e4m3_per_128, int8_per_32), or latents
/// of these beside rotary dims.
template <class Number>
concept cache_number = detail::is_plain_number<Number> || shares_scales<Number> || detail::is_latent_and_rotary<Number>;

/// Where values come from: memory of their own, or the first dims of the keys (the latent cache of MLA, which is held once).
enum class values_are : unsigned char { their_own, first_dims_of_keys };

/// The heads of an attention layer: `query` heads in equal groups over `kv` heads, `dim` wide in q and k and `dim_v` in v.
/// query is a multiple of kv; dim and dim_v are multiples of 8 up to 576; dim_v <= dim where values are the first dims of keys.
struct heads {
  int query, kv, dim, dim_v;
  values_are values = values_are::their_own;
  friend constexpr bool operator==(const heads&, const heads&) = default;
};

/// Bytes of one row of `width` cached numbers, scales included.
template <cache_number Number>
  requires(!detail::is_latent_and_rotary<Number>)
TENON_BOTH constexpr index_t cached_row_bytes(index_t width) {
  if constexpr (shares_scales<Number>)
    return width + (width + Number::block - 1) / Number::block * index_t{sizeof(float)};
  else
    return width * index_t{sizeof(Number)};
}

/// Bytes of the keys and values of one token in all kv heads.
template <cache_number Number>
TENON_BOTH constexpr index_t cached_token_bytes(const heads& shape) {
  if constexpr (detail::is_latent_and_rotary<Number>)
    return shape.kv * (cached_row_bytes<typename Number::latent>(shape.dim_v) + cached_row_bytes<typename Number::rotary>(shape.dim - shape.dim_v));
  else
    return shape.kv * (cached_row_bytes<Number>(shape.dim) + (shape.values == values_are::their_own ? cached_row_bytes<Number>(shape.dim_v) : 0));
}

/// One layer's keys and values of one sequence in a machine's own layout, in memory that someone else holds. Contiguous:
/// cache_bytes<Number>(machine, shape, capacity) bytes, aligned to 64. Paged: `data` is a pool of pages of `page_keys` keys, each
/// page_bytes<Number>(machine, shape, page_keys), and pages[i] is the page of keys [i page_keys, (i + 1) page_keys).
template <class Number>
struct cache_view {
  static_assert(cache_number<Number>, "[cache_view.Number] must be float, bf16, f16 or a block_scaled number. Fix: name one, as in cache_view<bf16>.");
  using number = Number;
  std::byte* data = nullptr;
  heads shape{};
  index_t capacity = 0;  ///< keys that fit; paged: pages in the table times page_keys
  index_t length = 0;    ///< keys that are there; `append` moves it
  const std::int32_t* pages = nullptr;
  index_t page_keys = 0;  ///< any; multiples of 128 cost nothing, of 16 nearly nothing
  index_t page_stride = 0;  ///< bytes from a page of the pool to the next; 0: page_bytes, the pool holds nothing else
};

/// Whether a type is a cache alone, that may lie in pages: a cache_view, or a GPU's.
template <class T>
inline constexpr bool may_lie_in_pages = false;
template <class Number>
inline constexpr bool may_lie_in_pages<cache_view<Number>> = true;

/// Sequences of different lengths in one call: queries [first_query[b], first_query[b + 1]) of q and out are sequence b's, its
/// keys are in caches[b]. All have the same heads. Masks and scores see b as `position::batch`.
template <class Number>
struct ragged {
  cache_view<Number>* caches;
  const index_t* first_query;  ///< [count + 1]
  int count;
};

}  // namespace tenon
