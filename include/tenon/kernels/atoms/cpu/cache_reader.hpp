#pragma once
// How a cache is read on a processor, whatever the policies: the panels of a block of keys found through the page table, and for
// each kind of number its products and its way to floats, as a table of functions. They are compiled once per number and
// instruction set, however many masks and scores a program has.

#include <tenon/kernels/atoms/cpu/attention_products.hpp>
#include <tenon/kernels/atoms/cpu/cache.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// What the words of attention need to know of a number.
template <class Leaf>
struct cache_numbers {
  int block;   ///< dims that share a scale; 0: no scales
  float step;  ///< widened numbers, times this, are the numbers
  bool wide;   ///< floats already
  void (*scores)(float* s, const float* q, const std::byte* const* keys, int dim, int depth, int count, int lo, int hi);
  void (*weigh)(float* o, const float* w, const std::byte* const* values, int width, int column, int columns, int count, int lo, int hi);
  /// A panel [rows / pack][of][pack] to floats [rows][of].
  void (*widen)(const std::byte* from, float* to, int rows, int of);
  /// Element (row, column) of such a panel, and `count` in all, (row_step, column_step) further each; floats `stride` apart.
  void (*pick)(const std::byte* from, int of, int row, int column, int row_step, int column_step, int count, float* to, int stride);
  const cache_numbers* rotary;  ///< of the last dims of keys, where these are other numbers; else null
};

namespace cache_detail {

template <class Leaf, class Number>
struct number_functions {
  using storage = typename cache_number_facts<Number>::storage;
  static constexpr int pack = cache_number_facts<Number>::pack;
  static constexpr bool wide = sizeof(storage) == sizeof(float);
  using products = attention_products<Leaf>;

  static constexpr float step() {
    if constexpr (std::is_same_v<storage, e4m3>)
      return Leaf::e4m3_step;
    else
      return 1;
  }
  static void widen(const std::byte* from, float* to, int rows, int of) {
    const storage* at = reinterpret_cast<const storage*>(from);
    for (int r = 0; r < rows; r += pack, at += pack * of, to += pack * of)
      for (int c = 0; c < of; c += Leaf::lanes) {
        if constexpr (wide) {
          Leaf::store(to + c, Leaf::load(at + c));
        } else if constexpr (pack == 1) {
          Leaf::store(to + c, Leaf::widen(at + c));
        } else {
          typename Leaf::vector first, second;
          Leaf::widen(at + 2 * c, first, second);
          Leaf::store(to + c, first);
          Leaf::store(to + of + c, second);
        }
      }
  }
  static void pick(const std::byte* from, int of, int row, int column, int row_step, int column_step, int count, float* to, int stride) {
    const storage* at = reinterpret_cast<const storage*>(from);
    for (int i = 0; i < count; ++i, row += row_step, column += column_step)
      to[i * stride] = static_cast<float>(at[row / pack * pack * of + column * pack + row % pack]) * (1 / step());
  }
};

}  // namespace cache_detail

/// The table of a number.
template <class Leaf, class Number>
inline constexpr cache_numbers<Leaf> numbers_of = {
    cache_number_facts<Number>::block,
    cache_detail::number_functions<Leaf, Number>::step(),
    cache_detail::number_functions<Leaf, Number>::wide,
    attention_products<Leaf>::template scores<typename cache_number_facts<Number>::storage>,
    attention_products<Leaf>::template weigh<typename cache_number_facts<Number>::storage>,
    cache_detail::number_functions<Leaf, Number>::widen,
    cache_detail::number_functions<Leaf, Number>::pick,
    nullptr};
template <class Leaf, class Number>
  requires requires { typename Number::rotary; }
inline constexpr cache_numbers<Leaf> numbers_of<Leaf, Number> = [] {
  cache_numbers<Leaf> both = numbers_of<Leaf, typename Number::latent>;
  both.rotary = &numbers_of<Leaf, typename Number::rotary>;
  return both;
}();

/// One kv head of a cache: pages of `layout.keys` keys, `page_bytes` apart, in the order of `pages`; null: one page is all.
template <class Leaf>
struct cache_source {
  const cache_numbers<Leaf>* numbers;
  cpu_cache_layout layout;
  const std::byte* data;
  const std::int32_t* pages;
  index_t page_bytes;
  int head;

  /// Whether panels of 16 keys, counted from key 0, lie whole in a page.
  bool has_panels() const { return pages == nullptr || layout.keys % cpu_cache_layout::panel == 0; }
  /// The page of `key`, which becomes its place within the page.
  const std::byte* page_of(index_t& key) const {
    if (pages == nullptr) return data;
    const index_t page = key / layout.keys;
    key %= layout.keys;
    return data + pages[page] * page_bytes;
  }
};

/// A block of keys, ready for the products: panels [0, panels) of 16 keys, and how their numbers are read.
template <class Leaf>
struct cache_block {
  static constexpr int panels = attention_products<Leaf>::panels;
  int key0;
  int scaled;  ///< dims that share a scale; 0: no scales
  const cache_numbers<Leaf>*key_numbers, *value_numbers;
  const std::byte *keys[panels], *values[panels];
};

/// Reads blocks of keys into one thread's memory where they cannot be used as they lie: `wide_keys` [panel][dim][16],
/// `wide_values` [key][dim_v]; scales always, to [dim / scaled][block_keys].
template <class Leaf>
struct cache_reader {
  static constexpr int panel = 16, block_keys = attention_products<Leaf>::block_keys;
  int dim, dim_v;  ///< dim_v padded
  float *wide_keys, *wide_values, *key_scales, *value_scales;

  static index_t floats(index_t dim, index_t dim_v) { return block_keys * (dim + dim_v + (dim + 31) / 32 + (dim_v + 31) / 32); }
  cache_reader(float* memory, int d, int v)
      : dim(d), dim_v(v), wide_keys(memory), wide_values(wide_keys + block_keys * d), key_scales(wide_values + block_keys * v), value_scales(key_scales + block_keys * ((d + 31) / 32)) {}

  /// Keys [key0, end) of `in`. `many`: several groups of rows will use them, so widening them pays.
  cache_block<Leaf> read(const cache_source<Leaf>& in, int key0, int end, bool many) const {
    cache_block<Leaf> out{key0, in.numbers->block, in.numbers, in.numbers, {}, {}};
    const int count = (end - key0 + panel - 1) / panel;
    const bool own_values = in.layout.dim_v != 0;
    if (!in.has_panels()) {
      gather(in, key0, end, out);
    } else {
      find(in, count, out);
      if ((many || !own_values) && !in.numbers->wide) widen_keys(out, count, in.layout);
      if (many && own_values && !in.numbers->wide) widen_values(out, count);
    }
    if (!own_values) prefix_of_keys(out, count);
    return out;
  }
  /// Panels [from, count) of values become floats.
  void widen_values(cache_block<Leaf>& block, int count, int from = 0) const {
    for (int p = from; p < count; ++p) {
      float* to = wide_values + p * panel * dim_v;
      block.value_numbers->widen(block.values[p], to, panel, dim_v);
      block.values[p] = reinterpret_cast<const std::byte*>(to);
    }
    block.value_numbers = &numbers_of<Leaf, float>;
  }

 private:
  // Panels [0, count) of a block, page by page.
  void find(const cache_source<Leaf>& in, int count, cache_block<Leaf>& out) const {
    const auto& layout = in.layout;
    const index_t key_bytes = layout.key_panel_bytes(), value_bytes = layout.panel_bytes(layout.dim_v), key_scale_bytes = layout.key_scale_bytes(), value_scale_bytes = layout.scale_bytes(layout.dim_v);
    for (int p = 0; p < count;) {
      index_t key = out.key0 + p * panel;
      const std::byte* page = in.page_of(key);
      const std::byte *keys = page + layout.key_panel(in.head, key), *values = page + layout.value_panel(in.head, key);
      const std::byte *key_scale = page + layout.key_scales(in.head, key), *value_scale = page + layout.value_scales(in.head, key);
      const index_t rest = (layout.keys - key + panel - 1) / panel;
      for (const int to = rest < count - p ? p + static_cast<int>(rest) : count; p < to; ++p, keys += key_bytes, values += value_bytes, key_scale += key_scale_bytes, value_scale += value_scale_bytes) {
        out.keys[p] = keys, out.values[p] = values;
        if (out.scaled == 0) continue;
        copy_scales(key_scale, dim - layout.rotary, p, in.numbers->step, out.scaled, key_scales);
        for (int d = dim - layout.rotary; d < dim; d += out.scaled)  // what has no scale
          for (int i = 0; i < panel; ++i) key_scales[d / out.scaled * block_keys + p * panel + i] = 1;
        if (layout.dim_v != 0) copy_scales(value_scale, dim_v, p, in.numbers->step, out.scaled, value_scales);
      }
    }
  }
  static void copy_scales(const std::byte* from, int width, int p, float step, int scaled, float* to) {
    const float* at = reinterpret_cast<const float*>(from);
    for (int d = 0; d < width; d += scaled, at += panel, to += block_keys)
      for (int i = 0; i < panel; ++i) to[p * panel + i] = at[i] * step;
  }
  void widen_keys(cache_block<Leaf>& block, int count, const cpu_cache_layout& layout) const {
    const int own = dim - layout.rotary;
    for (int p = 0; p < count; ++p) {
      float* to = wide_keys + p * panel * dim;
      block.key_numbers->widen(block.keys[p], to, own, panel);
      if (layout.rotary != 0) block.key_numbers->rotary->widen(block.keys[p] + layout.rotary_panel(), to + own * panel, layout.rotary, panel);
      block.keys[p] = reinterpret_cast<const std::byte*>(to);
    }
    block.key_numbers = &numbers_of<Leaf, float>;
  }
  // Pages of any size: key by key.
  void gather(const cache_source<Leaf>& in, int key0, int end, cache_block<Leaf>& out) const {
    const auto& layout = in.layout;
    const int count = (end - key0 + panel - 1) / panel, own = dim - layout.rotary;
    for (int t = 0; t < count * panel; ++t) {
      const int p = t / panel, lane = t % panel;
      float *key_to = wide_keys + p * panel * dim + lane, *value_to = wide_values + index_t(t) * dim_v;
      out.keys[p] = reinterpret_cast<const std::byte*>(wide_keys + p * panel * dim), out.values[p] = reinterpret_cast<const std::byte*>(wide_values + index_t(p) * panel * dim_v);
      if (key0 + t >= end) {
        for (int d = 0; d < dim; ++d) key_to[d * panel] = 0;
        for (int c = 0; c < dim_v; ++c) value_to[c] = 0;
        if (out.scaled != 0) {
          for (int d = 0; d < dim; d += out.scaled) key_scales[d / out.scaled * block_keys + t] = 1;
          for (int c = 0; c < dim_v; c += out.scaled) value_scales[c / out.scaled * block_keys + t] = 1;
        }
        continue;
      }
      index_t key = key0 + t;
      const std::byte* page = in.page_of(key);
      const int from = static_cast<int>(key % panel);
      const std::byte* key_at = page + layout.key_panel(in.head, key);
      in.numbers->pick(key_at, panel, 0, from, 1, 0, own, key_to, panel);
      if (layout.rotary != 0) in.numbers->rotary->pick(key_at + layout.rotary_panel(), panel, 0, from, 1, 0, layout.rotary, key_to + own * panel, panel);
      for (int d = own; d < dim && out.scaled != 0; d += out.scaled) key_scales[d / out.scaled * block_keys + t] = 1;
      if (out.scaled != 0) gather_scales(page + layout.key_scales(in.head, key), own, from, in.numbers->step, out.scaled, key_scales + t);
      if (layout.dim_v == 0) continue;
      in.numbers->pick(page + layout.value_panel(in.head, key), dim_v, from, 0, 0, 1, dim_v, value_to, 1);
      if (out.scaled != 0) gather_scales(page + layout.value_scales(in.head, key), dim_v, from, in.numbers->step, out.scaled, value_scales + t);
    }
    out.key_numbers = out.value_numbers = &numbers_of<Leaf, float>;
  }
  static void gather_scales(const std::byte* from, int width, int lane, float step, int scaled, float* to) {
    const float* at = reinterpret_cast<const float*>(from) + lane;
    for (int d = 0; d < width; d += scaled, at += panel, to += block_keys) *to = *at * step;
  }
  // Values that are the first dims of the keys: panels [dim][16] of floats, turned.
  void prefix_of_keys(cache_block<Leaf>& block, int count) const {
    typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
    for (int p = 0; p < count; ++p) {
      const float* from = reinterpret_cast<const float*>(block.keys[p]);
      float* to = wide_values + index_t(p) * panel * dim_v;
      for (int c = 0; c < dim_v; c += 4)
        for (int t = 0; t < panel; t += 4) {
          const auto in = [&](int i) { return c + i < dim ? *reinterpret_cast<const four*>(from + (c + i) * panel + t) : four{}; };
          const four a = in(0), b = in(1), d = in(2), e = in(3);
          const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), de = __builtin_shufflevector(d, e, 0, 4, 1, 5);
          const four cd = __builtin_shufflevector(a, b, 2, 6, 3, 7), fg = __builtin_shufflevector(d, e, 2, 6, 3, 7);
          const auto out = [&](int i, four x) { *reinterpret_cast<four*>(to + index_t(t + i) * dim_v + c) = x; };
          out(0, __builtin_shufflevector(ab, de, 0, 1, 4, 5)), out(1, __builtin_shufflevector(ab, de, 2, 3, 6, 7));
          out(2, __builtin_shufflevector(cd, fg, 0, 1, 4, 5)), out(3, __builtin_shufflevector(cd, fg, 2, 3, 6, 7));
        }
      block.values[p] = reinterpret_cast<const std::byte*>(to);
    }
    block.value_numbers = &numbers_of<Leaf, float>;
    if (block.scaled != 0)
      for (int c = 0; c < dim_v; c += block.scaled)
        for (int t = 0; t < count * panel; ++t) value_scales[c / block.scaled * block_keys + t] = key_scales[c / block.scaled * block_keys + t];
  }
};

}  // namespace atoms
TENON_KERNELS_END
