#pragma once
// How a cache is read on a processor, whatever the policies: the panels of a block of keys found through the page table, and for
// each kind of number its products and its way to floats, as a table of functions. They are compiled once per number and
// instruction set, however many masks and scores a program has.

#include <tenon/kernels/atoms/cpu/attention_products.hpp>
#include <tenon/kernels/atoms/cpu/cache.hpp>
#include <tenon/kernels/atoms/cpu/transpose.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// What the words of attention need to know of a number.
template <class Leaf>
struct cache_numbers {
  int block;   ///< dims that share a scale; 0: no scales
  float step;  ///< widened numbers, times this, are the numbers
  bool pairs;  ///< multiplied as pairs of bf16: the form of q and of the weights
  const cache_numbers* held;  ///< what it becomes where several groups of rows will read it, float or bf16; null: it stays as it lies
  void (*scores)(float* s, const float* q, const std::byte* const* keys, int dim, int depth, int count, int lo, int hi, const typename attention_products<Leaf>::score_end& end, lines_ahead& ahead);
  void (*weigh)(float* o, const float* w, const std::byte* const* values, int width, int column, int columns, int count, int lo, int hi, const float* fade, lines_ahead& ahead);
  /// A panel [rows / pack][of][pack] to one of what is held.
  void (*widen)(const std::byte* from, float* to, int rows, int of);
  /// `count` elements of such a panel to places of a panel of what is held, each (row_step, column_step) after the one before, from
  /// (row, column) to (to_row, to_column).
  void (*pick)(const std::byte* from, int of, int row, int column, int row_step, int column_step, int count, float* to, int to_row, int to_column);
  const cache_numbers* rotary;  ///< of the last dims of keys, where these are other numbers; else null
};

namespace cache_detail {

template <class Leaf, class Storage>
inline constexpr bool in_pairs = attention_products<Leaf>::template in_pairs<Storage>;

template <class Leaf, class Number, bool Pairs = in_pairs<Leaf, typename cache_number_facts<Number>::storage>>
struct number_functions {
  using storage = typename cache_number_facts<Number>::storage;
  static constexpr int pack = cache_number_facts<Number>::pack;
  static constexpr bool as_it_lies = sizeof(storage) == sizeof(float) || (Pairs && pack == 2);
  using held = std::conditional_t<Pairs, bf16, float>;

  static constexpr float step() {
    if constexpr (std::is_same_v<storage, e4m3>)
      return Leaf::e4m3_step;
    else
      return 1;
  }
  static void widen(const std::byte* from, float* to, int rows, int of) {
    const storage* at = reinterpret_cast<const storage*>(from);
    if constexpr (as_it_lies) {
      __builtin_memcpy(to, from, static_cast<std::size_t>(rows) * static_cast<std::size_t>(of) * sizeof(storage));
    } else if constexpr (Pairs) {
      for (int r = 0; r < rows; r += 2, at += 2 * of, to += of)
        for (int c = 0; c < of; c += Leaf::lanes) Leaf::store(to + c, Leaf::widen_pairs(at + c, at + of + c));
    } else {
      for (int r = 0; r < rows; r += pack, at += pack * of, to += pack * of)
        for (int c = 0; c < of; c += Leaf::lanes) {
          if constexpr (pack == 1) {
            Leaf::store(to + c, Leaf::widen(at + c));
          } else {
            typename Leaf::vector first, second;
            Leaf::widen(at + 2 * c, first, second);
            Leaf::store(to + c, first);
            Leaf::store(to + of + c, second);
          }
        }
    }
  }
  static index_t place(int pack_of, int of, int row, int column) { return index_t(row / pack_of) * pack_of * of + column * pack_of + row % pack_of; }
  static void pick(const std::byte* from, int of, int row, int column, int row_step, int column_step, int count, float* to, int to_row, int to_column) {
    const storage* at = reinterpret_cast<const storage*>(from);
    held* out = reinterpret_cast<held*>(to);
    for (int i = 0; i < count; ++i, row += row_step, column += column_step, to_row += row_step, to_column += column_step)
      out[place(cache_number_facts<held>::pack, of, to_row, to_column)] = held(static_cast<float>(at[place(pack, of, row, column)]) * (1 / step()));
  }
  static constexpr const cache_numbers<Leaf>* becomes();
};

}  // namespace cache_detail

/// The table of a number.
template <class Leaf, class Number, bool Pairs = cache_detail::in_pairs<Leaf, typename cache_number_facts<Number>::storage>>
inline constexpr cache_numbers<Leaf> numbers_of = {
    cache_number_facts<Number>::block,
    cache_detail::number_functions<Leaf, Number, Pairs>::step(),
    Pairs,
    cache_detail::number_functions<Leaf, Number, Pairs>::becomes(),
    attention_products<Leaf>::template scores<typename cache_number_facts<Number>::storage>,
    attention_products<Leaf>::template weigh<typename cache_number_facts<Number>::storage>,
    cache_detail::number_functions<Leaf, Number, Pairs>::widen,
    cache_detail::number_functions<Leaf, Number, Pairs>::pick,
    nullptr};
/// Such keys are always widened: to pairs where both their numbers become these exactly.
template <class Leaf, class Number, bool Pairs>
  requires requires { typename Number::rotary; }
inline constexpr cache_numbers<Leaf> numbers_of<Leaf, Number, Pairs> = [] {
  cache_numbers<Leaf> both = numbers_of<Leaf, typename Number::latent, Pairs && cache_detail::in_pairs<Leaf, typename Number::rotary>>;
  both.rotary = &numbers_of<Leaf, typename Number::rotary>;
  return both;
}();

template <class Leaf, class Number, bool Pairs>
constexpr const cache_numbers<Leaf>* cache_detail::number_functions<Leaf, Number, Pairs>::becomes() {
  if constexpr (as_it_lies)
    return nullptr;
  else
    return &numbers_of<Leaf, held>;
}

/// One kv head of a cache: pages of `layout.keys` keys, `page_bytes` apart, in the order of `pages`; null: one page is all.
template <class Leaf>
struct cache_source {
  const cache_numbers<Leaf>* numbers;
  cpu_cache_layout layout;
  const std::byte* data;
  const std::int32_t* pages;
  index_t page_bytes;
  index_t length;  ///< keys that are there
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
  lines_ahead& ahead;
  lines_ahead::panels after_keys{}, after_values{};  ///< what few rows read after them
  const std::byte* next_keys[panels]{};
};

/// Reads blocks of keys into one thread's memory where they cannot be used as they lie: `own_keys`, panels [dim][16] of floats or
/// pairs, `own_values`, panels [16][dim_v]; scales always, to [dim / scaled][block_keys].
template <class Leaf>
struct cache_reader {
  static constexpr int panel = 16, block_keys = attention_products<Leaf>::block_keys;
  int dim, dim_v;  ///< dim_v padded
  float *own_keys, *own_values, *key_scales, *value_scales;

  static index_t floats(index_t dim, index_t dim_v) { return block_keys * (dim + dim_v + (dim + 31) / 32 + (dim_v + 31) / 32); }
  cache_reader(float* memory, int d, int v)
      : dim(d), dim_v(v), own_keys(memory), own_values(own_keys + block_keys * d), key_scales(own_values + block_keys * v), value_scales(key_scales + block_keys * ((d + 31) / 32)) {}

  /// Keys [key0, end) of `in`. `many`: several groups of rows will use them, so widening them pays.
  cache_block<Leaf> read(const cache_source<Leaf>& in, int key0, int end, bool many, lines_ahead& ahead) const {
    cache_block<Leaf> out{key0, in.numbers->block, in.numbers, in.numbers, {}, {}, ahead};
    const int count = (end - key0 + panel - 1) / panel;
    const bool has_values = in.layout.dim_v != 0;
    if (!in.has_panels()) {
      gather(in, key0, end, out);
    } else {
      find(in, count, out);
      if ((many || !has_values) && in.numbers->held != nullptr) widen_keys(out, count, in.layout);
      if (many && has_values && in.numbers->held != nullptr) widen_values(out, count);
    }
    if (!has_values) prefix_of_keys(out, count);
    return out;
  }
  /// Panels [from, count) of values become what is held.
  void widen_values(cache_block<Leaf>& block, int count, int from = 0) const {
    for (int p = from; p < count; ++p) block.values[p] = widened(*block.value_numbers, block.values[p], own_values + p * panel * dim_v, panel, dim_v);
    block.value_numbers = block.value_numbers->held;
  }
  /// Adds the panels of keys [key0, end) to what is asked for ahead.
  void ask(const cache_source<Leaf>& in, int key0, int end, lines_ahead& ahead) const {
    if (!in.has_panels()) return;
    const auto& layout = in.layout;
    const int count = (end - key0 + panel - 1) / panel;
    const index_t key_bytes = layout.key_panel_bytes(), value_bytes = layout.panel_bytes(layout.dim_v);
    by_pages(in, key0, count, [&](const std::byte* page, index_t key, int first, int last) { ahead.add(page + layout.key_panel(in.head, key), (last - first) * key_bytes); });
    if (layout.dim_v == 0) return;
    by_pages(in, key0, count, [&](const std::byte* page, index_t key, int first, int last) { ahead.add(page + layout.value_panel(in.head, key), (last - first) * value_bytes); });
  }
  /// What few rows ask for beside `block`: after its keys its values, after these the keys at `key`, whose scales are asked for here.
  void follow(const cache_source<Leaf>& in, index_t key, cache_block<Leaf>& block) const {
    if (!in.has_panels() || in.layout.dim_v == 0) return;
    const auto& layout = in.layout;
    block.after_keys = {block.values, layout.panel_bytes(layout.dim_v)};
    if (key >= in.length) return;
    constexpr int panels = cache_block<Leaf>::panels;
    for (int p = 0; p < panels; ++p) block.next_keys[p] = block.values[p];  // after the last key: what is there already
    const index_t there = (in.length - key + panel - 1) / panel, bytes = layout.key_panel_bytes();
    by_pages(in, key, there < panels ? static_cast<int>(there) : panels, [&](const std::byte* page, index_t within, int first, int last) {
      const std::byte* keys = page + layout.key_panel(in.head, within);
      for (int p = first; p < last; ++p, keys += bytes) block.next_keys[p] = keys;
      lines_ahead::ask(page + layout.key_scales(in.head, within), (last - first) * layout.key_scale_bytes());
      lines_ahead::ask(page + layout.value_scales(in.head, within), (last - first) * layout.scale_bytes(layout.dim_v));
    });
    block.after_values = {block.next_keys, bytes};
  }

 private:
  static const std::byte* widened(const cache_numbers<Leaf>& numbers, const std::byte* from, float* to, int rows, int of) {
    numbers.widen(from, to, rows, of);
    return reinterpret_cast<const std::byte*>(to);
  }
  // f(page, key, first, last): panels [first, last) of the `count` from key0 on lie side by side in a page, from its key `key` on.
  template <class F>
  TENON_INLINE static void by_pages(const cache_source<Leaf>& in, index_t key0, int count, const F& f) {
    for (int p = 0, to; p < count; p = to) {
      index_t key = key0 + p * panel;
      const std::byte* page = in.page_of(key);
      const index_t rest = (in.layout.keys - key + panel - 1) / panel;
      to = rest < count - p ? p + static_cast<int>(rest) : count;
      f(page, key, p, to);
    }
  }
  // Panels [0, count) of a block.
  void find(const cache_source<Leaf>& in, int count, cache_block<Leaf>& out) const {
    const auto& layout = in.layout;
    const index_t key_bytes = layout.key_panel_bytes(), value_bytes = layout.panel_bytes(layout.dim_v), key_scale_bytes = layout.key_scale_bytes(), value_scale_bytes = layout.scale_bytes(layout.dim_v);
    by_pages(in, out.key0, count, [&](const std::byte* page, index_t key, int first, int last) {
      const std::byte *keys = page + layout.key_panel(in.head, key), *values = page + layout.value_panel(in.head, key);
      const std::byte *key_scale = page + layout.key_scales(in.head, key), *value_scale = page + layout.value_scales(in.head, key);
      for (int p = first; p < last; ++p, keys += key_bytes, values += value_bytes, key_scale += key_scale_bytes, value_scale += value_scale_bytes) {
        out.keys[p] = keys, out.values[p] = values;
        if (out.scaled == 0) continue;
        copy_scales(key_scale, dim - layout.rotary, p, in.numbers->step, out.scaled, key_scales);
        for (int d = dim - layout.rotary; d < dim; d += out.scaled)  // what has no scale
          for (int i = 0; i < panel; ++i) key_scales[d / out.scaled * block_keys + p * panel + i] = 1;
        if (layout.dim_v != 0) copy_scales(value_scale, dim_v, p, in.numbers->step, out.scaled, value_scales);
      }
    });
  }
  static void copy_scales(const std::byte* from, int width, int p, float step, int scaled, float* to) {
    const float* at = reinterpret_cast<const float*>(from);
    for (int d = 0; d < width; d += scaled, at += panel, to += block_keys)
      for (int i = 0; i < panel; i += Leaf::lanes) Leaf::store(to + p * panel + i, Leaf::multiply(Leaf::load(at + i), Leaf::fill(step)));
  }
  void widen_keys(cache_block<Leaf>& block, int count, const cpu_cache_layout& layout) const {
    const int own = dim - layout.rotary;
    for (int p = 0; p < count; ++p) {
      const std::byte* from = block.keys[p];
      float* to = own_keys + p * panel * dim;
      block.keys[p] = widened(*block.key_numbers, from, to, own, panel);
      if (layout.rotary != 0) block.key_numbers->rotary->widen(from + layout.rotary_panel(), to + words(own, *block.key_numbers), layout.rotary, panel);
    }
    block.key_numbers = block.key_numbers->held;
  }
  // Words of `rows` rows of 16 in the form that numbers are held in.
  static int words(int rows, const cache_numbers<Leaf>& numbers) { return rows * panel / (numbers.pairs ? 2 : 1); }
  // Pages of any size: key by key.
  void gather(const cache_source<Leaf>& in, int key0, int end, cache_block<Leaf>& out) const {
    const auto& layout = in.layout;
    const auto& numbers = *in.numbers;
    const int count = (end - key0 + panel - 1) / panel, own = dim - layout.rotary;
    for (int p = 0; p < count; ++p) {
      float *keys_to = own_keys + p * panel * dim, *values_to = own_values + index_t(p) * panel * dim_v;
      out.keys[p] = reinterpret_cast<const std::byte*>(keys_to), out.values[p] = reinterpret_cast<const std::byte*>(values_to);
      const int there = end - key0 - p * panel < panel ? end - key0 - p * panel : panel;
      if (there < panel) {
        __builtin_memset(keys_to, 0, static_cast<std::size_t>(panel * dim) * sizeof(float));
        __builtin_memset(values_to, 0, static_cast<std::size_t>(panel * dim_v) * sizeof(float));
      }
      for (int lane = 0; lane < panel; ++lane) {
        const int t = p * panel + lane;
        if (lane >= there) {
          if (out.scaled == 0) continue;
          for (int d = 0; d < dim; d += out.scaled) key_scales[d / out.scaled * block_keys + t] = 1;
          for (int c = 0; c < dim_v; c += out.scaled) value_scales[c / out.scaled * block_keys + t] = 1;
          continue;
        }
        index_t key = key0 + t;
        const std::byte* page = in.page_of(key);
        const int from = static_cast<int>(key % panel);
        const std::byte* key_at = page + layout.key_panel(in.head, key);
        numbers.pick(key_at, panel, 0, from, 1, 0, own, keys_to, 0, lane);
        if (layout.rotary != 0) numbers.rotary->pick(key_at + layout.rotary_panel(), panel, 0, from, 1, 0, layout.rotary, keys_to + words(own, numbers), 0, lane);
        for (int d = own; d < dim && out.scaled != 0; d += out.scaled) key_scales[d / out.scaled * block_keys + t] = 1;
        if (out.scaled != 0) gather_scales(page + layout.key_scales(in.head, key), own, from, numbers.step, out.scaled, key_scales + t);
        if (layout.dim_v == 0) continue;
        numbers.pick(page + layout.value_panel(in.head, key), dim_v, from, 0, 0, 1, dim_v, values_to, lane, 0);
        if (out.scaled != 0) gather_scales(page + layout.value_scales(in.head, key), dim_v, from, numbers.step, out.scaled, value_scales + t);
      }
    }
    out.key_numbers = out.value_numbers = numbers.held != nullptr ? numbers.held : &numbers;
  }
  static void gather_scales(const std::byte* from, int width, int lane, float step, int scaled, float* to) {
    const float* at = reinterpret_cast<const float*>(from) + lane;
    for (int d = 0; d < width; d += scaled, at += panel, to += block_keys) *to = *at * step;
  }
  // Values that are the first dims of the keys: their panels, turned.
  void prefix_of_keys(cache_block<Leaf>& block, int count) const {
    typedef std::int16_t pairs_of_four __attribute__((vector_size(16), may_alias));
    const bool pairs = block.key_numbers->pairs;
    const int rows = pairs ? panel / 2 : panel;  // of a panel of values, in words
    for (int p = 0; p < count; ++p) {
      const float* from = reinterpret_cast<const float*>(block.keys[p]);
      float* to = own_values + index_t(p) * panel * dim_v;
      for (int c = 0; c < dim_v; c += 4) {
        alignas(16) float columns[4][panel] = {};  // dims c to c + 3 of all keys: a word is a float, or a pair of keys
        for (int i = 0; i < 4 && c + i < dim; ++i) {
          if (!pairs) __builtin_memcpy(columns[i], from + (c + i) * panel, sizeof(columns[i]));
          if (!pairs || i % 2 != 0) continue;
          for (int t = 0; t < panel; t += 4) {
            const pairs_of_four x = *reinterpret_cast<const pairs_of_four*>(from + (c + i) / 2 * panel + t), y = __builtin_shufflevector(x, x, 0, 2, 4, 6, 1, 3, 5, 7);
            __builtin_memcpy(columns[i] + t / 2, &y, 8);
            __builtin_memcpy(columns[i + 1] + t / 2, reinterpret_cast<const std::byte*>(&y) + 8, 8);
          }
        }
        for (int t = 0; t < rows; t += 4) transpose_four(columns[0] + t, panel, to + index_t(t) * dim_v + c, dim_v);
      }
      block.values[p] = reinterpret_cast<const std::byte*>(to);
    }
    block.value_numbers = block.key_numbers;
    if (block.scaled != 0)
      for (int c = 0; c < dim_v; c += block.scaled)
        for (int t = 0; t < count * panel; ++t) value_scales[c / block.scaled * block_keys + t] = key_scales[c / block.scaled * block_keys + t];
  }
};

}  // namespace atoms
TENON_KERNELS_END
