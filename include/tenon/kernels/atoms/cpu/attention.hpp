#pragma once
// The words of attention on a processor, over the leaf of its instruction set:
//   Leaf::vector, lanes, rows x vectors (the micro tile that its registers hold), load, store, fill, fma(a, b, c) = a b + c,
//   multiply, add, highest, exp2, sum_of, highest_of, widen (32 packed numbers to 2 x 16 floats).
// Tiles: q [dim][16] (so that one pointer walks through a micro tile's rows), scores and weights [16][block_keys], sums
// [16][dim_v], keys [panel][dim][16], values [key][dim_v]; numbers of 16 bits are widened once per block of keys.
//
// A row's bits do not depend on its tile: every score is one chain over dim, every sum one chain over keys, the total a sum
// by lanes (key mod 16) per block; a key that is masked adds an exact zero.

#include <limits>

#include <tenon/kernels/atoms/cpu/cache.hpp>
#include <tenon/kernels/shared/meaning.hpp>
#include <tenon/kernels/shared/online_softmax.hpp>
#include <tenon/kernels/shared/traversal.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Leaf>
struct attention_words {
  static constexpr int group_rows = 16, block_keys = 128, key_granule = 16;
  static constexpr bool may_skip = true;
  static constexpr float nothing = -std::numeric_limits<float>::infinity();
  using vector = typename Leaf::vector;
  using rows = row_values<group_rows>;

  /// The memory of one thread's tile of `most_rows` rows.
  int most_rows, dim, dim_v;  // dim_v padded
  float *q, *o, *merged, *s, *wide_keys, *wide_values;

  static index floats(int most_rows, index dim, index padded_dim_v) {
    const index groups = (most_rows + group_rows - 1) / group_rows;
    return groups * group_rows * (dim + 2 * padded_dim_v) + group_rows * block_keys + block_keys * (dim + padded_dim_v);
  }
  attention_words(float* memory, int rows_at_most, int dim_qk, int padded_dim_v) : most_rows(rows_at_most), dim(dim_qk), dim_v(padded_dim_v) {
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

  /// Keys and values of one block as floats.
  struct block {
    const float *keys, *values;  ///< of key `key0`
    int key0;
  };

  /// One kv head of a cache.
  template <class Number>
  struct source {
    cpu_cache<Number> layout;
    std::byte* data;
    int head;
  };

  /// Calls body(block, key1) for each block on the path, with keys [key0, key1).
  template <class Number, class Path, class Body>
  TENON_INLINE void stream(const source<Number>& in, const Path& path, Body&& body) const {
    for (int key = path.first(); key < path.to; key = path.next(key)) {
      const int end = path.end(key), padded = (end + key_granule - 1) / key_granule * key_granule;
      const Number *keys = in.layout.key_panel(in.data, in.head, key), *values = in.layout.value_row(in.data, in.head, key);
      if constexpr (sizeof(Number) == 4) {
        body(block{keys, values, key}, end);
      } else {
        widen(keys, wide_keys, (padded - key) / key_granule * (dim / 2), key_granule);
        widen(values, wide_values, (padded - key) / 2, dim_v);
        body(block{wide_keys, wide_values, key}, end);
      }
    }
  }

  /// The held rows of a group: `row(r)` points at row r, null past the last; times `factor`.
  template <class Row>
  TENON_INLINE void hold(int group, float factor, const Row& row) const {
    float* to = held(group);
    for (int r = 0; r < group_rows; ++r) {
      const float* from = row(r);
      for (int d = 0; d < dim; ++d) to[d * group_rows + r] = from == nullptr ? 0.0f : from[d] * factor;
    }
  }

  /// s = q k^T over keys [live.lo, live.hi), then the score, then the mask. Rows [row0, row0 + count) of the tile.
  template <class Meaning>
  TENON_INLINE void multiply(const float* left, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    scores(s, left, keys.keys, dim, count, live.lo - keys.key0, live.hi - keys.key0);
    const cover whole = mean.covers(row0, row0 + count, live.lo, live.hi);
    if (Meaning::plain && whole == cover::all) return;
    for (int key = live.lo; key < live.hi; key += key_granule) {
      const cover here = whole == cover::all ? whole : mean.covers(row0, row0 + count, key, key + key_granule);
      for (int r = 0; r < count; ++r) {
        float* at = s + r * block_keys + (key - keys.key0);
        if (here == cover::none)
          for (int i = 0; i < key_granule; ++i) at[i] = nothing;
        else if (here == cover::all)
          interpret<true>(at, row0 + r, key, mean);
        else
          interpret<false>(at, row0 + r, key, mean);
      }
    }
  }

  /// The greatest live score of each row; -inf past the last.
  TENON_INLINE rows row_max(const block& keys, span live, int count) const {
    rows out;
    out.fill(nothing);
    for (int r = 0; r < count; ++r) {
      vector most = Leaf::fill(nothing);
      for (int c = live.lo - keys.key0; c < live.hi - keys.key0; c += Leaf::lanes) most = Leaf::highest(most, Leaf::load(s + r * block_keys + c));
      out.at[r] = Leaf::highest_of(most);
    }
    return out;
  }

  /// s becomes its weights under softmax; returns their sums per row.
  TENON_INLINE rows exponentiate(const block& keys, span live, int count, const softmax_state<group_rows>& state) const {
    rows sum;
    sum.fill(0);
    for (int r = 0; r < padded_rows(count); ++r) {
      float* at = s + r * block_keys;
      const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
      if (r >= count) {
        for (int c = lo; c < hi; c += Leaf::lanes) Leaf::store(at + c, Leaf::fill(0));  // the micro tiles may read them
        continue;
      }
      const vector reference = Leaf::fill(state.reference.at[r]), base = Leaf::fill(log2_e);
      constexpr int parts = key_granule / Leaf::lanes;
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
    return sum;
  }
  /// s becomes its weights under sigmoid.
  TENON_INLINE void exponentiate(const block& keys, span live, const sigmoid_state<group_rows>& state) const {
    for (int r = 0; r < group_rows; ++r) {
      float* at = s + r * block_keys + (live.lo - keys.key0);
      TENON_INDEPENDENT
      for (int c = 0; c < live.hi - live.lo; ++c) at[c] = logistic(at[c] + state.bias);
    }
  }

  /// sums = fade sums + w v over the live keys. `moved`: some fade is not 1.
  template <class Meaning>
  TENON_INLINE void accumulate(float* to, const rows& fade, bool moved, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    if (moved)
      for (int r = 0; r < count; ++r) {
        const vector by = Leaf::fill(fade.at[r]);
        for (int c = 0; c < dim_v; c += Leaf::lanes) Leaf::store(to + r * dim_v + c, Leaf::multiply(by, Leaf::load(to + r * dim_v + c)));
      }
    if (mean.covers(row0, row0 + count, live.lo, live.hi) != cover::all && !finite(keys.values + index(lo) * dim_v, index(hi - lo) * dim_v)) {
      careful(to, keys, live, row0, count, mean);
      return;
    }
    weigh(to, s, keys.values, dim_v, count, lo, hi);
  }

  /// out[0, width) = factor sums.
  TENON_INLINE void store(float* to, const float* row_sums, float factor, int width) const {
    TENON_INDEPENDENT
    for (int c = 0; c < width; ++c) to[c] = factor == 0 ? 0.0f : row_sums[c] * factor;
  }
  /// The sums of a group to zero.
  TENON_INLINE void clear(float* group_sums) const {
    for (int i = 0; i < group_rows * dim_v; i += Leaf::lanes) Leaf::store(group_sums + i, Leaf::fill(0));
  }
  /// into = by.left into + by.right next, the sums of a group.
  TENON_INLINE void merge(float* into, const float* next, const merge_factors<group_rows>& by) const {
    for (int r = 0; r < group_rows; ++r) {
      const vector left = Leaf::fill(by.left.at[r]), right = Leaf::fill(by.right.at[r]);
      for (int c = r * dim_v; c < (r + 1) * dim_v; c += Leaf::lanes)
        Leaf::store(into + c, Leaf::fma(right, Leaf::load(next + c), Leaf::multiply(left, Leaf::load(into + c))));
    }
  }

 private:
  template <bool All, class Meaning>
  TENON_INLINE static void interpret(float* at, int row, int key, const Meaning& mean) {
    if constexpr (!Meaning::plain) {
      TENON_INDEPENDENT
      for (int i = 0; i < key_granule; ++i) at[i] = mean(at[i], row, key + i);
    }
    if constexpr (!All) {
      TENON_INDEPENDENT
      for (int i = 0; i < key_granule; ++i) at[i] = mean.keep(row, key + i) ? at[i] : nothing;
    }
  }

  // Micro tile: Rows rows x Vectors vectors of s, columns from c; panels are `dim` rows of 16 keys.
  template <int Rows, int Vectors>
  TENON_INLINE static void score_tile(float* out, const float* left, const float* keys, int depth, int c) {
    vector acc[Rows][Vectors];
    const float* panel[Vectors];
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      const int column = c + v * Leaf::lanes;
      panel[v] = keys + index(column / key_granule) * key_granule * depth + column % key_granule;
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) acc[r][v] = Leaf::fill(0);
    }
    for (int d = 0; d < depth; ++d) {
      vector right[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) right[v] = Leaf::load(panel[v] + index(d) * key_granule);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const vector a = Leaf::fill(left[d * group_rows + r]);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) acc[r][v] = Leaf::fma(a, right[v], acc[r][v]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) Leaf::store(out + r * block_keys + c + v * Leaf::lanes, acc[r][v]);
  }
  template <int Rows>
  static void score_rows(float* out, const float* left, const float* keys, int depth, int lo, int hi) {
    constexpr int step = Leaf::lanes * Leaf::vectors;
    int c = lo;
    for (; c + step <= hi; c += step) score_tile<Rows, Leaf::vectors>(out, left, keys, depth, c);
    if constexpr (step > key_granule)
      if (c < hi) score_tile<Rows, key_granule / Leaf::lanes>(out, left, keys, depth, c);
  }
  static void scores(float* out, const float* left, const float* keys, int depth, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { score_rows<Rows>(out + r * block_keys, left + r, keys, depth, lo, hi); });
  }

  // Micro tile of sums: Rows rows x Vectors vectors, columns from c.
  template <int Rows, int Vectors>
  TENON_INLINE static void weigh_tile(float* out, const float* weights, const float* values, int width, int lo, int hi) {
    vector acc[Rows][Vectors];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) acc[r][v] = Leaf::load(out + index(r) * width + v * Leaf::lanes);
    for (int key = lo; key < hi; ++key) {
      vector right[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) right[v] = Leaf::load(values + index(key) * width + v * Leaf::lanes);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const vector a = Leaf::fill(weights[r * block_keys + key]);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) acc[r][v] = Leaf::fma(a, right[v], acc[r][v]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) Leaf::store(out + index(r) * width + v * Leaf::lanes, acc[r][v]);
  }
  template <int Rows>
  static void weigh_rows(float* out, const float* weights, const float* values, int width, int lo, int hi) {
    constexpr int step = Leaf::lanes * Leaf::vectors;
    int c = 0;
    for (; c + step <= width; c += step) weigh_tile<Rows, Leaf::vectors>(out + c, weights, values + c, width, lo, hi);
    if constexpr (step > 16)
      if (c < width) weigh_tile<Rows, 16 / Leaf::lanes>(out + c, weights, values + c, width, lo, hi);
  }
  static void weigh(float* out, const float* weights, const float* values, int width, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { weigh_rows<Rows>(out + index(r) * width, weights + r * block_keys, values, width, lo, hi); });
  }

  // Calls f.operator()<Rows>(first) until `count` rows are done; the last call may take rows of padding along.
  template <class F>
  TENON_INLINE static void by_rows(int count, const F& f) {
    int r = 0;
    for (; count - r >= Leaf::rows; r += Leaf::rows) f.template operator()<Leaf::rows>(r);
    const int rest = count - r;
    if constexpr (Leaf::rows > 4)
      if (rest > 4) return f.template operator()<Leaf::rows>(r);
    if constexpr (Leaf::rows > 2)
      if (rest > 2) return f.template operator()<4>(r);
    if (rest == 2) return f.template operator()<2>(r);
    if (rest == 1) return f.template operator()<1>(r);
  }

  // The rows that by_rows(count) touches.
  TENON_INLINE static int padded_rows(int count) {
    int padded = 0;
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { padded = r + Rows; });
    return padded;
  }

  // Values that are not finite must not leak through a weight of zero: rows that see them take them, one by one.
  template <class Meaning>
  void careful(float* to, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    for (int r = 0; r < count; ++r)
      for (int key = live.lo; key < live.hi; ++key)
        if (mean.keep(row0 + r, key)) {
          const vector a = Leaf::fill(s[r * block_keys + (key - keys.key0)]);
          const float* value = keys.values + index(key - keys.key0) * dim_v;
          for (int c = 0; c < dim_v; c += Leaf::lanes) Leaf::store(to + r * dim_v + c, Leaf::fma(a, Leaf::load(value + c), Leaf::load(to + r * dim_v + c)));
        }
  }
  static bool finite(const float* at, index count) {
    vector zero = Leaf::fill(0);  // 0 x is 0 or NaN; NaN stays in the sum
    for (index i = 0; i < count; i += Leaf::lanes) zero = Leaf::fma(Leaf::load(at + i), Leaf::fill(0), zero);
    return Leaf::sum_of(zero) == 0;
  }

  // `count` x [of][2] numbers to pairs of rows of floats.
  template <class Number>
  static void widen(const Number* from, float* to, index count, int of) {
    for (index i = 0; i < count; ++i, from += 2 * of, to += 2 * of)
      for (int c = 0; c < of; c += 16) Leaf::widen(from + 2 * c, to + c, to + of + c);
  }
};

}  // namespace atoms
TENON_KERNELS_END
