#pragma once
// How keys and values lie in the caches of all CPU machines, so that a product reads one stream straight through. A page holds,
// for each kv head, the scales of its keys, its key panels, the scales of its values, its value panels; a contiguous cache is one
// page. Scales have streams of their own: between the panels, each would be a miss that no prefetcher foresees.
//   scales       [key / 16][dim / block][16]
//   key panel    [dim / pack][16][pack]       a vector holds one dim (or a pair) of 16 keys
//   value panel  [16 / pack][dim_v][pack]     rows of keys (or pairs of keys)
//                The last dims of a key may be in other numbers, without scales: then their panel follows in the key panel.
// pack is 2 for 16-bit numbers, so that 32 of them widen to two vectors without a shuffle, else 1. Only numbers of 8 bits have
// scales. Keys are padded to 16, dim_v to 16; padding is read but never counts. A cache whose values are the first dims of its
// keys has no value panels.

#include <cstddef>

#include <tenon/core/block_scaled.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// What a number is made of: `storage`, how many of them lie side by side, and how many share a scale (0: none). `rotary`: what the
/// last dims of keys are held in, where these are other numbers.
template <class Number>
struct cache_number_facts {
  using number = Number;
  using storage = Number;
  using rotary = void;
  static constexpr int pack = sizeof(Number) == 4 ? 1 : 2, block = 0, rotary_item = 0;
};
template <shares_scales Number>
struct cache_number_facts<Number> {
  using number = Number;
  using storage = typename Number::storage;
  using rotary = void;
  static constexpr int pack = 1, block = Number::block, rotary_item = 0;
};
template <class Number>
  requires requires { typename Number::latent; }
struct cache_number_facts<Number> : cache_number_facts<typename Number::latent> {
  using rotary = typename Number::rotary;
  static constexpr int rotary_item = sizeof(rotary);
};

/// The offsets of one page of `keys` keys. dim_v is padded; 0: the values are the first dims of the keys.
struct cpu_cache_layout {
  static constexpr int panel = 16;
  int dim, dim_v, item, block;  ///< item: bytes of a number
  index_t keys;
  int rotary, rotary_item;  ///< the last dims of a key, if any, that are held in other numbers, without scales

  /// Where in a key panel the rotary dims begin.
  TENON_INLINE index_t rotary_panel() const { return panel_bytes(dim - rotary); }
  TENON_INLINE index_t key_panel_bytes() const { return rotary_panel() + index_t{panel} * rotary * rotary_item; }
  TENON_INLINE index_t key_scale_bytes() const { return scale_bytes(dim - rotary); }

  TENON_INLINE index_t scale_bytes(int width) const { return block == 0 ? 0 : index_t{panel} * ((width + block - 1) / block) * index_t{sizeof(float)}; }
  TENON_INLINE index_t panel_bytes(int width) const { return index_t{panel} * width * item; }
  TENON_INLINE index_t panels() const { return (keys + panel - 1) / panel; }
  TENON_INLINE index_t head_bytes() const { return panels() * (key_scale_bytes() + key_panel_bytes() + scale_bytes(dim_v) + panel_bytes(dim_v)); }
  TENON_INLINE std::size_t bytes(int kv_heads) const { return round_up(static_cast<std::size_t>(head_bytes() * kv_heads), 64); }
  /// The panels that `key` stands in, and their scales.
  TENON_INLINE index_t key_scales(int head, index_t key) const { return head * head_bytes() + key / panel * key_scale_bytes(); }
  TENON_INLINE index_t key_panel(int head, index_t key) const { return head * head_bytes() + panels() * key_scale_bytes() + key / panel * key_panel_bytes(); }
  TENON_INLINE index_t value_scales(int head, index_t key) const { return (head + 1) * head_bytes() - panels() * (scale_bytes(dim_v) + panel_bytes(dim_v)) + key / panel * scale_bytes(dim_v); }
  TENON_INLINE index_t value_panel(int head, index_t key) const { return (head + 1) * head_bytes() - panels() * panel_bytes(dim_v) + key / panel * panel_bytes(dim_v); }
};

/// The same for one kind of number, and how it is written.
template <class Number>
struct cpu_cache : cpu_cache_layout {
  using facts = cache_number_facts<Number>;
  using number = typename facts::number;
  using storage = typename facts::storage;

  /// `own_values`: whether the cache holds values, or they are the first dims of the keys.
  TENON_INLINE cpu_cache(int head_dim, int head_dim_v, index_t page_keys, bool own_values = true)
      : cpu_cache_layout{head_dim, own_values ? (head_dim_v + 15) / 16 * 16 : 0, static_cast<int>(sizeof(storage)), facts::block, page_keys, facts::rotary_item == 0 ? 0 : head_dim - head_dim_v, facts::rotary_item} {}

  /// Writes keys and values of keys [first, first + count) of a page, within one panel, rounded to Number, and the padding of the
  /// values. Row i of k and v lies i strides on.
  void write(std::byte* page, int head, index_t first, int count, const float* k, index_t k_stride, const float* v, index_t v_stride, int width_v) const {
    const int lane = static_cast<int>(first % panel), own = dim - rotary;
    factors shared;
    if constexpr (facts::block != 0)
      for (int t = 0; t < count; ++t) scales(page + key_scales(head, first), lane + t, k + t * k_stride, own, shared[t]);
    rows_to_columns<facts>(page + key_panel(head, first), lane, count, k, k_stride, own, shared);
    if constexpr (facts::rotary_item != 0)
      rows_to_columns<cache_number_facts<typename facts::rotary>>(page + key_panel(head, first) + rotary_panel(), lane, count, k + own, k_stride, rotary, shared);
    if (dim_v == 0) return;
    for (int t = 0; t < count; ++t) row(page + value_panel(head, first), page + value_scales(head, first), lane + t, v + t * v_stride, width_v);
  }

 private:
  static constexpr int most_dims = 576, at_once = 8;  // dims come in eights
  using factors = float[panel][most_dims / 32];        // per row and block

  // The greatest magnitude; NaN where one is NaN or infinite.
  static float most_of(const float* x, int count) {
    float most[at_once] = {}, poison[at_once] = {};
    for (int i = 0; i < count; i += at_once) {
      for (int l = 0; l < at_once; ++l) poison[l] += x[i + l] * 0.0f;
      for (int l = 0; l < at_once; ++l) most[l] = most[l] < __builtin_fabsf(x[i + l]) ? __builtin_fabsf(x[i + l]) : most[l];
    }
    for (int l = 1; l < at_once; ++l) most[0] = most[0] < most[l] ? most[l] : most[0], poison[0] += poison[l];
    return most[0] + poison[0];
  }
  // The scales of one row of `width`, to the scales of its panel and to `own`.
  static void scales(std::byte* scales_at, int lane, const float* x, int width, float* own) {
    float* to = reinterpret_cast<float*>(scales_at);
    for (int i = 0, d = 0; d < width; ++i, d += facts::block) to[i * panel + lane] = own[i] = number::scale_of(most_of(x + d, width - d < facts::block ? width - d : facts::block));
  }
  // `width` numbers, in the order of x.
  template <class Facts>
  static void narrow(const float* x, int width, [[maybe_unused]] const float* own, typename Facts::storage* to) {
    for (int d = 0; d < width; d += at_once) {
      if constexpr (Facts::block != 0) {
        const float scale = own[d / Facts::block];
        if (!(scale == scale)) {  // asked once, so that what follows becomes vectors
          for (int l = 0; l < at_once; ++l) to[d + l] = Facts::number::quantize(0, scale);
          continue;
        }
        TENON_INDEPENDENT
        for (int l = 0; l < at_once; ++l) to[d + l] = Facts::number::quantize(x[d + l], scale);
      } else {
        TENON_INDEPENDENT
        for (int l = 0; l < at_once; ++l) to[d + l] = typename Facts::number(x[d + l]);
      }
    }
  }
  // `width` dims of keys as a panel of the numbers that `Facts` tells of.
  template <class Facts>
  static void rows_to_columns(std::byte* panel_at, int lane, int count, const float* k, index_t k_stride, int width, const factors& shared) {
    constexpr int pack = Facts::pack;
    typename Facts::storage row[most_dims];
    for (int t = 0; t < count; ++t) {
      narrow<Facts>(k + t * k_stride, width, shared[t], row);
      auto* to = reinterpret_cast<typename Facts::storage*>(panel_at) + (lane + t) * pack;
      for (int d = 0; d < width; d += pack, to += panel * pack) __builtin_memcpy(to, row + d, pack * sizeof(row[0]));
    }
  }
  void row(std::byte* panel_at, [[maybe_unused]] std::byte* scales_at, int lane, const float* v, int width) const {
    constexpr int pack = facts::pack;
    [[maybe_unused]] float own[most_dims / 32];
    if constexpr (facts::block != 0) {
      scales(scales_at, lane, v, width, own);
      for (int i = (width + facts::block - 1) / facts::block; i < (dim_v + facts::block - 1) / facts::block; ++i) reinterpret_cast<float*>(scales_at)[i * panel + lane] = 1;
    }
    storage numbers[most_dims + panel];
    narrow<facts>(v, width, own, numbers);
    for (int c = width; c < dim_v; ++c) numbers[c] = storage{};
    storage* to = reinterpret_cast<storage*>(panel_at) + index_t(lane / pack * pack) * dim_v + lane % pack;
    if constexpr (pack == 1)
      __builtin_memcpy(to, numbers, static_cast<std::size_t>(dim_v) * sizeof(storage));
    else
      for (int c = 0; c < dim_v; ++c) to[c * pack] = numbers[c];
  }
};

}  // namespace atoms
TENON_KERNELS_END
