#pragma once
// The words of attention on a processor, over the leaf of its instruction set (attention_products.hpp says what a leaf has).
// Tiles: q [dim][16] (one pointer walks through a micro tile's rows), scores and weights [16][block_keys], sums [16][dim_v],
// keys [panel][dim][16], values [key][dim_v]. Numbers of 16 bits are widened once per block of keys where several groups of
// rows will read them, else in registers.
//
// A row's bits do not depend on its tile: scores and sums are chains in order, the total of a block is summed by lanes
// (key mod 16), and a masked key adds an exact zero.

#include <limits>

#include <tenon/kernels/atoms/cpu/attention_products.hpp>
#include <tenon/kernels/atoms/cpu/cache.hpp>
#include <tenon/kernels/shared/meaning.hpp>
#include <tenon/kernels/shared/online_softmax.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Leaf>
struct attention_words {
  using products = attention_products<Leaf>;
  static constexpr int group_rows = products::group_rows, block_keys = products::block_keys, key_granule = products::panel;
  static constexpr bool may_skip = true;
  static constexpr float nothing = -std::numeric_limits<float>::infinity();
  using vector = typename Leaf::vector;
  using rows = row_values<group_rows>;

  int dim, dim_v;  ///< dim_v padded
  float *q, *o, *merged, *s, *wide_keys, *wide_values;

  /// Floats of the memory of one thread's tile.
  static index floats(int most_rows, index dim, index padded_dim_v) {
    const index padded = (most_rows + group_rows - 1) / group_rows * group_rows;
    return padded * (dim + 2 * padded_dim_v) + group_rows * block_keys + block_keys * (dim + padded_dim_v);
  }
  attention_words(float* memory, int most_rows, int dim_qk, int padded_dim_v) : dim(dim_qk), dim_v(padded_dim_v) {
    const index padded = (most_rows + group_rows - 1) / group_rows * group_rows;
    const auto take = [&](index count) {
      float* at = memory;
      memory += count;
      return at;
    };
    q = take(padded * dim), o = take(padded * dim_v), merged = take(padded * dim_v);
    s = take(group_rows * block_keys), wide_keys = take(block_keys * dim), wide_values = take(block_keys * dim_v);
  }

  float* held(int group) const { return q + group * group_rows * dim; }
  float* sums(int group) const { return o + group * group_rows * dim_v; }
  float* merged_sums(int group) const { return merged + group * group_rows * dim_v; }

  /// One kv head of a cache.
  template <class Number>
  struct source {
    cpu_cache<Number> layout;
    std::byte* data;
    int head;
  };
  /// Keys and values from `key0` on, as floats; or, where `narrow_keys` is not null, as they lie in the cache.
  template <class Number>
  struct block {
    const float *keys, *values;
    const Number *narrow_keys, *narrow_values;
    int key0;
  };

  /// Calls body(block, end) for each block on the path: keys [key0, end).
  template <class Number, class Path, class Body>
  TENON_INLINE void stream(const source<Number>& in, const Path& path, Body&& body) const {
    for (int key = path.first(); key < path.to; key = path.next(key)) {
      const int end = path.end(key);
      const Number *keys = in.layout.key_panel(in.data, in.head, key), *values = in.layout.value_row(in.data, in.head, key);
      block<Number> here{nullptr, nullptr, keys, values, key};
      if constexpr (sizeof(Number) == sizeof(float)) {
        here = {keys, values, nullptr, nullptr, key};
      } else if (path.rows > group_rows) {
        const int padded = (end + key_granule - 1) / key_granule * key_granule;
        widen(keys, wide_keys, (padded - key) / key_granule * (dim / 2), key_granule);
        widen(values, wide_values, (padded - key) / 2, dim_v);
        here = {wide_keys, wide_values, nullptr, nullptr, key};
      }
      body(here, end);
    }
  }

  /// The held rows of a group, times `factor`; null for a row past the last.
  void hold(int group, float factor, const float* const (&from)[group_rows]) const {
    float* to = held(group);
    for (int r = 0; r < group_rows; r += 4) {  // four rows at a time: their stores share cache lines
      const float *a = from[r], *b = from[r + 1], *c = from[r + 2], *d = from[r + 3];
      if (d != nullptr) {
        for (int i = 0; i < dim; ++i) {
          float* at = to + i * group_rows + r;
          at[0] = a[i] * factor, at[1] = b[i] * factor, at[2] = c[i] * factor, at[3] = d[i] * factor;
        }
      } else {
        for (int j = r; j < r + 4; ++j)
          for (int i = 0; i < dim; ++i) to[i * group_rows + j] = from[j] == nullptr ? 0.0f : from[j][i] * factor;
      }
    }
  }

  /// s = q k^T over keys `live`, then the score, then the mask. Rows [row0, row0 + count) of the tile.
  template <class Block, class Meaning>
  TENON_INLINE void multiply(const float* left, const Block& keys, span live, int row0, int count, const Meaning& mean) const {
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    if (keys.narrow_keys != nullptr)
      narrow_scores(left, keys, count, lo, hi);
    else
      products::scores(s, left, keys.keys, dim, count, lo, hi);
    const cover whole = mean.covers(row0, row0 + count, live.lo, live.hi);
    if (Meaning::plain && whole == cover::all) return;
    cover covers[block_keys / key_granule];
    for (int c = lo; c < hi; c += key_granule)
      covers[c / key_granule] = whole == cover::all ? whole : mean.covers(row0, row0 + count, keys.key0 + c, keys.key0 + c + key_granule);
    for (int r = 0; r < count; ++r) {
      const position first = mean.at(row0 + r, 0);
      for (int c = lo; c < hi; c += key_granule) interpret(s + r * block_keys + c, first, keys.key0 + c, covers[c / key_granule], mean);
    }
  }

  /// The greatest live score of each row; -inf past the last.
  template <class Block>
  TENON_INLINE rows row_max(const Block& keys, span live, int count) const {
    return row_max(s, live.lo - keys.key0, live.hi - keys.key0, count);
  }
  /// s becomes its weights under softmax; returns their sums per row.
  template <class Block>
  TENON_INLINE rows exponentiate(const Block& keys, span live, int count, const softmax_state<group_rows>& state) const {
    return exponentiate(s, live.lo - keys.key0, live.hi - keys.key0, count, state);
  }
  /// s becomes its weights under sigmoid.
  template <class Block>
  TENON_INLINE void exponentiate(const Block& keys, span live, int, const sigmoid_state<group_rows>& state) const {
    for (int r = 0; r < group_rows; ++r)
      for (int c = live.lo - keys.key0; c < live.hi - keys.key0; c += key_granule) {
        float* at = s + r * block_keys + c;
        TENON_INDEPENDENT
        for (int i = 0; i < key_granule; ++i) at[i] = logistic(at[i] + state.bias);
      }
  }

  /// sums = fade sums + w v over the live keys. `moved`: some fade is not 1.
  template <class Block, class Meaning>
  TENON_INLINE void accumulate(float* to, const rows& fade, bool moved, const Block& keys, span live, int row0, int count, const Meaning& mean) const {
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    if (moved) fade_sums(to, dim_v, count, fade);
    if (mean.covers(row0, row0 + count, live.lo, live.hi) != cover::all && carefully(to, keys, live, row0, count, mean)) return;
    if (keys.narrow_keys != nullptr)
      narrow_weigh(to, keys, count, lo, hi);
    else
      products::weigh(to, s, keys.values, dim_v, count, lo, hi);
  }

  /// to[0, width) = factor row_sums; a zero is positive, whether the sums were merged or not.
  void store(float* to, const float* row_sums, float factor, int width) const {
    int c = 0;
    for (; c + Leaf::lanes <= width; c += Leaf::lanes) Leaf::store(to + c, factor == 0 ? Leaf::fill(0) : Leaf::fma(Leaf::fill(factor), Leaf::load(row_sums + c), Leaf::fill(0)));
    for (; c < width; ++c) to[c] = factor == 0 ? 0.0f : factor * row_sums[c] + 0.0f;
  }
  /// The sums of a group to zero.
  void clear(float* group_sums) const {
    for (int i = 0; i < group_rows * dim_v; i += Leaf::lanes) Leaf::store(group_sums + i, Leaf::fill(0));
  }
  /// into = by.left into + by.right next, the sums of rows [0, count) of a group.
  void merge(float* into, const float* next, int count, const merge_factors<group_rows>& by) const {
    for (int r = 0; r < count; ++r) {
      const vector left = Leaf::fill(by.left.at[r]), right = Leaf::fill(by.right.at[r]);
      for (int c = r * dim_v; c < (r + 1) * dim_v; c += Leaf::lanes)
        Leaf::store(into + c, Leaf::fma(right, Leaf::load(next + c), Leaf::multiply(left, Leaf::load(into + c))));
    }
  }

 private:
  // The words that no policy is part of: one body each, whatever the variants of a program.
  static rows row_max(const float* scores, int lo, int hi, int count) {
    rows out;
    out.fill(nothing);
    for (int r = 0; r < count; ++r) {
      vector most = Leaf::fill(nothing);
      for (int c = lo; c < hi; c += Leaf::lanes) most = Leaf::highest(most, Leaf::load(scores + r * block_keys + c));
      out.at[r] = Leaf::highest_of(most);
    }
    return out;
  }
  static rows exponentiate(float* scores, int lo, int hi, int count, const softmax_state<group_rows>& state) {
    constexpr int parts = key_granule / Leaf::lanes;
    const int padded = products::padded_rows(count);
    rows sum;
    sum.fill(0);
    for (int r = 0; r < count; ++r) {
      float* at = scores + r * block_keys;
      const vector reference = Leaf::fill(state.reference.at[r]), base = Leaf::fill(log2_e);
      vector total[parts];
      for (int p = 0; p < parts; ++p) total[p] = Leaf::fill(0);
      for (int c = lo; c < hi; c += key_granule)
        for (int p = 0; p < parts; ++p) {
          const vector w = Leaf::exp2(Leaf::fma(Leaf::load(at + c + p * Leaf::lanes), base, reference));
          total[p] = Leaf::add(total[p], w);
          Leaf::store(at + c + p * Leaf::lanes, w);
        }
      for (int p = 1; p < parts; ++p) total[0] = Leaf::add(total[0], total[p]);
      sum.at[r] = Leaf::sum_of(total[0]);
    }
    for (int r = count; r < padded; ++r)  // rows of padding, which the products touch: no stray subnormals
      for (int c = lo; c < hi; c += Leaf::lanes) Leaf::store(scores + r * block_keys + c, Leaf::fill(0));
    return sum;
  }
  static void fade_sums(float* to, int width, int count, const rows& fade) {
    for (int r = 0; r < count; ++r) {
      const vector by = Leaf::fill(fade.at[r]);
      for (int c = r * width; c < (r + 1) * width; c += Leaf::lanes) Leaf::store(to + c, Leaf::multiply(by, Leaf::load(to + c)));
    }
  }

  // 16 scores of one row, in place with a constant count: so compilers vectorise a policy's scalar verb.
  template <class Meaning>
  TENON_INLINE static void interpret(float* at, position first, int key, cover here, const Meaning& mean) {
    if (here == cover::none) {
      for (int i = 0; i < key_granule; ++i) at[i] = nothing;
      return;
    }
    if constexpr (!Meaning::plain) {
      TENON_INDEPENDENT
      for (int i = 0; i < key_granule; ++i) at[i] = mean.adjust(at[i], first, key + i);
    }
    if (here == cover::all) return;
    TENON_INDEPENDENT
    for (int i = 0; i < key_granule; ++i) at[i] = mean.keeps(first, key + i) ? at[i] : nothing;
  }

  template <class Number>
  TENON_INLINE void narrow_scores(const float* left, const block<Number>& keys, int count, int lo, int hi) const {
    if constexpr (sizeof(Number) < sizeof(float)) products::scores_narrow(s, left, keys.narrow_keys, dim, count, lo, hi);
  }
  template <class Number>
  TENON_INLINE void narrow_weigh(float* to, const block<Number>& keys, int count, int lo, int hi) const {
    if constexpr (sizeof(Number) < sizeof(float)) products::weigh_narrow(to, s, keys.narrow_values, dim_v, count, lo, hi);
  }

  // Values that are not finite must not leak through a weight of zero: then rows take the values they see one by one.
  template <class Number, class Meaning>
  bool carefully(float* to, const block<Number>& keys, span live, int row0, int count, const Meaning& mean) const {
    const auto seen_by_all = [&](int key) { return mean.covers(row0, row0 + count, key, key + key_granule) == cover::all; };
    span doubtful = live;  // a weight of zero that stands for a masked key
    while (!doubtful.empty() && seen_by_all(doubtful.lo)) doubtful.lo += key_granule;
    while (!doubtful.empty() && seen_by_all(doubtful.hi - key_granule)) doubtful.hi -= key_granule;
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    const float* values = keys.values;
    if constexpr (sizeof(Number) < sizeof(float))
      if (values == nullptr) {
        widen(keys.narrow_values + index(lo) * dim_v, wide_values + index(lo) * dim_v, (hi - lo) / 2, dim_v);
        values = wide_values;
      }
    if (finite(values + index(doubtful.lo - keys.key0) * dim_v, index(doubtful.hi - doubtful.lo) * dim_v)) return false;
    for (int r = 0; r < count; ++r)
      for (int key = live.lo; key < live.hi; ++key)
        if (mean.keep(row0 + r, key)) {
          const vector w = Leaf::fill(s[r * block_keys + (key - keys.key0)]);
          const float* value = values + index(key - keys.key0) * dim_v;
          for (int c = 0; c < dim_v; c += Leaf::lanes) Leaf::store(to + r * dim_v + c, Leaf::fma(w, Leaf::load(value + c), Leaf::load(to + r * dim_v + c)));
        }
    return true;
  }
  static bool finite(const float* at, index count) {
    constexpr int parts = key_granule / Leaf::lanes;
    vector zero[parts];  // 0 x is 0 or NaN, and NaN stays in the sum
    for (int p = 0; p < parts; ++p) zero[p] = Leaf::fill(0);
    for (index i = 0; i < count; i += key_granule)
      for (int p = 0; p < parts; ++p) zero[p] = Leaf::fma(Leaf::load(at + i + p * Leaf::lanes), Leaf::fill(0), zero[p]);
    for (int p = 1; p < parts; ++p) zero[0] = Leaf::add(zero[0], zero[p]);
    return Leaf::sum_of(zero[0]) == 0;
  }

  // `count` x [of][2] numbers to pairs of rows of floats.
  template <class Number>
  static void widen(const Number* from, float* to, index count, int of) {
    for (index i = 0; i < count; ++i, from += 2 * of, to += 2 * of)
      for (int c = 0; c < of; c += Leaf::lanes) {
        vector first, second;
        Leaf::widen(from + 2 * c, first, second);
        Leaf::store(to + c, first);
        Leaf::store(to + of + c, second);
      }
  }
};

}  // namespace atoms
TENON_KERNELS_END
