#pragma once
// The words of attention on a processor, over the leaf of its instruction set (attention_products.hpp says what a leaf has).
// Tiles: q [dim][16] (one pointer walks through a micro tile's rows), scores and weights [16][block_keys], sums [16][dim_v];
// keys and values come in panels (cache.hpp). Narrow numbers are widened once per block of keys where several groups of rows will
// read them, else in registers. Where numbers share scales, products are taken of the numbers and then scaled: a score is the sum
// over blocks of dims of scale (q . numbers), and a value's scale goes into the weight.
//
// A row's bits do not depend on its tile: scores and sums are chains in order, the total of a block is summed by lanes
// (key mod 16), and a masked key adds an exact zero.

#include <limits>

#include <tenon/kernels/atoms/cpu/cache_reader.hpp>
#include <tenon/kernels/shared/meaning.hpp>
#include <tenon/kernels/shared/online_softmax.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Leaf>
struct attention_words {
  using products = attention_products<Leaf>;
  static constexpr int group_rows = products::group_rows, block_keys = products::block_keys, key_granule = products::panel;
  static constexpr float nothing = -std::numeric_limits<float>::infinity();
  using vector = typename Leaf::vector;
  using rows = row_values<group_rows>;

  using source = cache_source<Leaf>;
  using block = cache_block<Leaf>;
  template <class Number>
  TENON_INLINE static const cache_numbers<Leaf>* numbers() {
    return &numbers_of<Leaf, Number>;
  }

  int dim, dim_v;  ///< dim_v padded
  float *q, *o, *merged, *s, *t;
  cache_reader<Leaf> reader;

  /// Floats of the memory of one thread's tile.
  static index_t floats(int most_rows, index_t dim, index_t padded_dim_v) {
    const index_t padded = (most_rows + group_rows - 1) / group_rows * group_rows;
    return padded * (dim + 2 * padded_dim_v) + 2 * group_rows * block_keys + cache_reader<Leaf>::floats(dim, padded_dim_v);
  }
  attention_words(float* memory, int most_rows, int dim_qk, int padded_dim_v)
      : dim(dim_qk),
        dim_v(padded_dim_v),
        q(memory),
        o(q + padded(most_rows) * dim),
        merged(o + padded(most_rows) * dim_v),
        s(merged + padded(most_rows) * dim_v),
        t(s + group_rows * block_keys),
        reader(t + group_rows * block_keys, dim, dim_v) {}

  /// Groups of a tile's rows, visited in turn.
  static int groups(int rows_of_tile) { return (rows_of_tile + group_rows - 1) / group_rows; }
  static int group_row(int group) { return group * group_rows; }
  float* held(int group) const { return q + group * group_rows * dim; }
  float* sums(int group) const { return o + group * group_rows * dim_v; }
  float* merged_sums(int group) const { return merged + group * group_rows * dim_v; }

  /// Calls body(block, end) for each block on the path: keys [key0, end).
  template <class Path, class Body>
  TENON_INLINE void stream(const source& in, const Path& path, Body&& body) const {
    for (int key = path.from - path.block; (key = path.next(key)) < path.to;) {
      const int end = path.end(key);
      body(reader.read(in, key, end, path.rows > group_rows), end);
    }
  }

  /// The live keys of rows [row0, row0 + count) in a block that ends at `end`.
  template <class Block, class Meaning>
  TENON_INLINE static span live(const Block& keys, int end, int row0, int count, const Meaning& mean) {
    return mean.template trim<key_granule>(row0, row0 + count, keys.key0, end);
  }
  /// Memory is there when it is read, and a total is whole.
  template <class Block>
  TENON_INLINE static void await_keys(const Block&) {}
  template <class Block>
  TENON_INLINE static void await_values(const Block&) {}
  template <class State>
  TENON_INLINE static void finish(State&) {}

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
  template <class Meaning>
  TENON_INLINE void multiply(const float* left, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    scores(left, keys, count, lo, hi);
    const cover whole = covers(mean, row0, row0 + count, live.lo, live.hi);
    if (Meaning::plain && whole == cover::all) return;
    cover parts[block_keys / key_granule];
    for (int c = lo; c < hi; c += key_granule)
      parts[c / key_granule] = whole == cover::all ? whole : covers(mean, row0, row0 + count, keys.key0 + c, keys.key0 + c + key_granule);
    for (int r = 0; r < count; ++r) {
      const position first = mean.at(row0 + r, 0);
      for (int c = lo; c < hi; c += key_granule) interpret(s + r * block_keys + c, first, keys.key0 + c, parts[c / key_granule], mean);
    }
  }

  /// The greatest live score of each row; -inf past the last.
  TENON_INLINE rows row_max(const block& keys, span live, int count) const {
    return row_max(s, live.lo - keys.key0, live.hi - keys.key0, count);
  }
  /// s becomes its weights under softmax; returns their sums per row.
  TENON_INLINE rows exponentiate(const block& keys, span live, int count, const softmax_state<group_rows>& state) const {
    return exponentiate(s, live.lo - keys.key0, live.hi - keys.key0, count, state);
  }
  /// s becomes its weights under sigmoid.
  void exponentiate(const block& keys, span live, int, const sigmoid_state<group_rows>& state) const {
    for (int r = 0; r < group_rows; ++r)
      for (int c = live.lo - keys.key0; c < live.hi - keys.key0; c += key_granule) {
        float* at = s + r * block_keys + c;
        TENON_INDEPENDENT
        for (int i = 0; i < key_granule; ++i) at[i] = logistic(at[i] + state.bias);
      }
  }

  /// sums = fade sums + w v over the live keys. `moved`: some fade is not 1.
  template <class Meaning>
  TENON_INLINE void accumulate(float* to, const rows& fade, bool moved, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    if (moved) fade_sums(to, dim_v, count, fade);
    if (covers(mean, row0, row0 + count, live.lo, live.hi) != cover::all && carefully(to, keys, live, row0, count, mean)) return;
    weigh(to, keys, count, lo, hi);
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
  // One body per mask, though it is asked in five places: a third less to compile.
  template <class Meaning>
  [[gnu::noinline]] static cover covers(const Meaning& mean, int r0, int r1, int c0, int c1) {
    return mean.covers(r0, r1, c0, c1);
  }

  // The words that no policy is part of: one body each, whatever the variants of a program.
  TENON_INLINE static index_t padded(int most_rows) { return (most_rows + group_rows - 1) / group_rows * group_rows; }

  void scores(const float* left, const block& keys, int count, int lo, int hi) const {
    if (keys.scaled == 0) return keys.key_numbers->scores(s, left, keys.keys, 0, dim, count, lo, hi);
    for (int d = 0; d < dim; d += keys.scaled) {
      float* to = d == 0 ? s : t;
      keys.key_numbers->scores(to, left, keys.keys, d, dim - d < keys.scaled ? dim - d : keys.scaled, count, lo, hi);
      const float* scale = reader.key_scales + d / keys.scaled * block_keys;
      for (int r = 0; r < count; ++r)
        for (int c = lo; c < hi; c += Leaf::lanes) {
          const vector x = Leaf::load(to + r * block_keys + c), by = Leaf::load(scale + c);
          Leaf::store(s + r * block_keys + c, d == 0 ? Leaf::multiply(by, x) : Leaf::fma(by, x, Leaf::load(s + r * block_keys + c)));
        }
    }
  }
  void weigh(float* to, const block& keys, int count, int lo, int hi) const {
    if (keys.scaled == 0) return keys.value_numbers->weigh(to, s, keys.values, dim_v, 0, dim_v, count, lo, hi);
    for (int first = 0; first < dim_v; first += keys.scaled) {
      const float* scale = reader.value_scales + first / keys.scaled * block_keys;
      const int rows_there = products::padded_rows(count);
      for (int r = 0; r < rows_there; ++r)
        for (int c = lo; c < hi; c += Leaf::lanes) Leaf::store(t + r * block_keys + c, Leaf::multiply(Leaf::load(s + r * block_keys + c), Leaf::load(scale + c)));
      keys.value_numbers->weigh(to, t, keys.values, dim_v, first, dim_v - first < keys.scaled ? dim_v - first : keys.scaled, count, lo, hi);
    }
  }
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

  // Values that are not finite must not leak through a weight of zero: then rows take the values they see one by one.
  template <class Meaning>
  bool carefully(float* to, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    const auto seen_by_all = [&](int key) { return covers(mean, row0, row0 + count, key, key + key_granule) == cover::all; };
    span doubtful = live;  // a weight of zero that stands for a masked key
    while (!doubtful.empty() && seen_by_all(doubtful.lo)) doubtful.lo += key_granule;
    while (!doubtful.empty() && seen_by_all(doubtful.hi - key_granule)) doubtful.hi -= key_granule;
    block wide = keys;
    if (finite_values(wide, live, doubtful)) return false;
    for (int r = 0; r < count; ++r)
      for (int key = live.lo; key < live.hi; ++key)
        if (mean.keep(row0 + r, key)) add_value(to + r * dim_v, wide, s[r * block_keys + (key - keys.key0)], key - keys.key0);
    return true;
  }
  // Whether the values of the doubtful keys are finite; if not, `keys` get floats to be taken one by one.
  bool finite_values(block& keys, span live, span doubtful) const {
    const int lo = doubtful.lo - keys.key0, hi = doubtful.hi - keys.key0;
    bool good = true;
    if (keys.scaled != 0) {
      for (int c = 0; c < dim_v && good; c += keys.scaled) good = finite(reader.value_scales + c / keys.scaled * block_keys + lo, hi - lo);
      if (good) return true;
    }
    if (!keys.value_numbers->wide) reader.widen_values(keys, (live.hi - keys.key0 + key_granule - 1) / key_granule, (live.lo - keys.key0) / key_granule);
    if (keys.scaled != 0) return false;
    for (int p = lo / key_granule; p < hi / key_granule && good; ++p) good = finite(reinterpret_cast<const float*>(keys.values[p]), index_t{key_granule} * dim_v);
    return good;
  }
  void add_value(float* to, const block& keys, float weight, int key) const {
    const float* value = reinterpret_cast<const float*>(keys.values[key / key_granule]) + key % key_granule * dim_v;
    const int step = keys.scaled == 0 ? dim_v : keys.scaled;
    for (int first = 0; first < dim_v; first += step) {
      const vector w = Leaf::fill(keys.scaled == 0 ? weight : weight * reader.value_scales[first / step * block_keys + key]);
      for (int c = first; c < dim_v && c < first + step; c += Leaf::lanes) Leaf::store(to + c, Leaf::fma(w, Leaf::load(value + c), Leaf::load(to + c)));
    }
  }
  static bool finite(const float* at, index_t count) {
    constexpr int parts = key_granule / Leaf::lanes;
    vector zero[parts];  // 0 x is 0 or NaN, and NaN stays in the sum
    for (int p = 0; p < parts; ++p) zero[p] = Leaf::fill(0);
    for (index_t i = 0; i < count; i += key_granule)
      for (int p = 0; p < parts; ++p) zero[p] = Leaf::fma(Leaf::load(at + i + p * Leaf::lanes), Leaf::fill(0), zero[p]);
    for (int p = 1; p < parts; ++p) zero[0] = Leaf::add(zero[0], zero[p]);
    return Leaf::sum_of(zero[0]) == 0;
  }
};

}  // namespace atoms
TENON_KERNELS_END
