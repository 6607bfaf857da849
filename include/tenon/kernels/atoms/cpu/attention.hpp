#pragma once
// The words of attention on a processor, over the leaf of its instruction set (attention_products.hpp says what a leaf has).
// Tiles: q [dim][16] (one pointer walks through a micro tile's rows), scores and weights [16][block_keys], sums [16][dim_v];
// keys and values come in panels (cache.hpp). Narrow numbers are widened once per block of keys where several groups of rows will
// read them, else in registers. Where numbers share scales, products are taken of the numbers and then scaled: a score is the sum
// over blocks of dims of scale (q . numbers), and a value's scale goes into the weight.
// Where the leaf multiplies bf16 pairs faster than floats, caches of bf16 and of 8 bits are multiplied so: q and the weights are
// rounded to bf16, the sums stay float.
//
// A row's bits do not depend on its tile: scores (of floats over at most 128 dims) and sums are chains in order, the total of a block is summed by lanes
// (key mod 16), and a masked key adds an exact zero.

#include <limits>

#include <tenon/kernels/atoms/cpu/cache_reader.hpp>
#include <tenon/kernels/atoms/cpu/chains.hpp>
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
  float *q, *o, *spare, *s, *t;  ///< spare: sums of a split that will be merged
  float *tops, *totals;  ///< by lane (key mod 16), of each row: its greatest score in a block, the sum of its weights
  cache_reader<Leaf> reader;
  mutable float score_factor = 1;  ///< of scores in pairs: q that is bf16 already is then held as it is
  mutable lines_ahead coming;  ///< what the caller will touch next, asked for during the first block of a walk

  /// Floats of the memory of one thread's tile.
  static index_t floats(int most_rows, index_t dim, index_t padded_dim_v) {
    const index_t padded = (most_rows + group_rows - 1) / group_rows * group_rows;
    return padded * (dim + 2 * padded_dim_v) + 2 * group_rows * (block_keys + key_granule) + cache_reader<Leaf>::floats(dim, padded_dim_v);
  }
  attention_words(float* memory, int most_rows, int dim_qk, int padded_dim_v)
      : dim(dim_qk),
        dim_v(padded_dim_v),
        q(memory),
        o(q + padded(most_rows) * dim),
        spare(o + padded(most_rows) * dim_v),
        s(spare + padded(most_rows) * dim_v),
        t(s + group_rows * block_keys),
        tops(t + group_rows * block_keys),
        totals(tops + group_rows * key_granule),
        reader(totals + group_rows * key_granule, dim, dim_v) {}

  /// Groups of a tile's rows, visited in turn.
  static int groups(int rows_of_tile) { return (rows_of_tile + group_rows - 1) / group_rows; }
  static int group_row(int group) { return group * group_rows; }
  float* held(int group) const { return q + group * group_rows * dim; }
  float* sums(int group) const { return o + group * group_rows * dim_v; }
  /// The same rows, with other sums.
  attention_words beside() const {
    attention_words other = *this;
    other.o = spare, other.spare = nullptr, other.coming.clear();
    return other;
  }

  /// Calls body(block, end) for each block on the path: keys [key0, end).
  template <class Path, class Body>
  TENON_INLINE void stream(const source& in, const Path& path, Body&& body) const {
    const bool many = path.rows > group_rows;
    for (int key = path.first(), next; key < path.to; key = next) {
      const int end = path.end(key);
      next = path.next(key);
      auto read = reader.read(in, key, end, many, coming);
      if (many) {
        if (next < path.to) reader.ask(in, next, path.end(next), coming);
        coming.share_among(products::tiles(path.rows, dim_v));
      } else {
        reader.follow(in, next < path.to ? next : path.to, read);
      }
      body(read, end);
      coming.clear();
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

  /// The held rows of a group, for scores times `factor`, in the form that `in` is multiplied in; null for a row past the last.
  void hold(int group, float factor, const float* const (&from)[group_rows], const source& in) const {
    constexpr int most = 16;  // words at a time
    alignas(64) float words[group_rows][most];
    const bool pairs = in.numbers->pairs;
    const int all = pairs ? dim / 2 : dim;
    score_factor = factor;
    for (int c = 0; c < all; c += most) {
      const int here = all - c < most ? all - c : most;
      float* to = held(group) + c * group_rows;
      if constexpr (Leaf::lanes == most) {
        vector x[group_rows];
#pragma GCC unroll 16
        for (int r = 0; r < group_rows; ++r) x[r] = held_words(from[row_of_lane(r)], factor, pairs, c, here);
        transpose_sixteen<Leaf>(x);
#pragma GCC unroll 16
        for (int i = 0; i < most; ++i)
          if (i < here) Leaf::store(to + i * group_rows, x[i]);
      } else {
        for (int r = 0; r < group_rows; ++r)
          for (int i = 0; i < most; ++i) words[r][i] = from[r] == nullptr || i >= here ? 0.0f : from[r][c + i] * factor;
        for (int i = 0; i < here; i += 4)
          for (int r = 0; r < group_rows; r += 4) transpose_four(words[r] + i, most, to + i * group_rows + r, group_rows);
      }
    }
  }

  /// s = q k^T over keys `live`, then the score, then the mask. Rows [row0, row0 + count) of the tile.
  template <class Meaning>
  TENON_INLINE void multiply(const float* left, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    no_tops();
    keys.ahead.after = keys.after_keys;
    scores(left, keys, count, lo, hi);
    const cover whole = covers(mean, row0, row0 + count, live.lo, live.hi);
    if (Meaning::plain && whole == cover::all) return;
    cover parts[block_keys / key_granule];
    for (int c = lo; c < hi; c += key_granule)
      parts[c / key_granule] = whole == cover::all ? whole : covers(mean, row0, row0 + count, keys.key0 + c, keys.key0 + c + key_granule);
    no_tops();
    for (int r = 0; r < count; ++r) {
      const position first = mean.at(row0 + r, 0);
      vector top = Leaf::fill(nothing);
      for (int c = lo; c < hi; c += key_granule) {
        float* at = s + r * block_keys + c;
        interpret(at, first, keys.key0 + c, parts[c / key_granule], mean);
        for (int i = 0; i < key_granule; i += Leaf::lanes) top = Leaf::highest(top, Leaf::load(at + i));
      }
      Leaf::store(tops + r * key_granule, top);
    }
  }

  /// The greatest live score of each row; -inf past the last.
  TENON_INLINE rows row_max(const block&, span, int) const {
    if constexpr (Leaf::lanes == group_rows)
      return across(tops, [](vector a, vector b) TENON_LAMBDA { return Leaf::highest(a, b); });
    else
      return over_lanes(tops, [](vector x) TENON_LAMBDA { return Leaf::highest_of(x); });
  }
  /// s becomes its weights under softmax; returns their sums per row.
  TENON_INLINE rows exponentiate(const block& keys, span live, int count, const softmax_state<group_rows>& state) const {
    return exponentiate(s, live.lo - keys.key0, live.hi - keys.key0, count, narrow_weights(keys), weight_scales(keys), state);
  }
  /// s becomes its weights under sigmoid.
  void exponentiate(const block& keys, span live, int, const sigmoid_state<group_rows>& state) const {
    const float* scale = weight_scales(keys);
    for (int r = 0; r < group_rows; ++r)
      for (int c = live.lo - keys.key0; c < live.hi - keys.key0; c += key_granule) {
        float* at = s + r * block_keys + c;
        TENON_INDEPENDENT
        for (int i = 0; i < key_granule; ++i) at[i] = logistic(at[i] + state.bias);
        if (scale == nullptr) continue;
        for (int i = 0; i < key_granule; i += Leaf::lanes) Leaf::store(at + i, Leaf::multiply(Leaf::load(at + i), Leaf::load(scale + c + i)));
      }
    if (narrow_weights(keys)) narrow_rows(s, live.lo - keys.key0, live.hi - keys.key0, group_rows);
  }

  /// sums = fade sums + w v over the live keys. `moved`: some fade is not 1.
  template <class Meaning>
  TENON_INLINE void accumulate(float* to, const rows& fade, bool moved, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    const int lo = live.lo - keys.key0, hi = live.hi - keys.key0;
    if (covers(mean, row0, row0 + count, live.lo, live.hi) != cover::all && carefully(to, moved ? &fade : nullptr, keys, live, row0, count, mean)) return;
    weigh(to, moved ? fade.at : nullptr, keys, count, lo, hi);
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
  // Words [c, c + 16) of a row to hold, of which `count` are there: floats, or pairs of bf16.
  TENON_INLINE static vector held_words(const float* from, float factor, bool pairs, int c, int count) {
    if (from == nullptr) return Leaf::fill(0);
    const int numbers = pairs ? 2 : 1;
    from += numbers * c;
    alignas(64) float room[2 * group_rows] = {};
    if (count < group_rows) {
      __builtin_memcpy(room, from, static_cast<std::size_t>(numbers * count) * sizeof(float));
      from = room;
    }
    if constexpr (Leaf::bf16_pairs)
      if (pairs) return Leaf::rounded_pairs(Leaf::load(from), Leaf::load(from + group_rows));
    return Leaf::multiply(Leaf::load(from), Leaf::fill(factor));
  }
  // Whether weights are whole as soon as they are made: a value of several blocks of dims has a scale for each. Then the scales that
  // they take, by key, or null; and whether they become bf16.
  bool whole_weights(const block& keys) const { return keys.scaled == 0 || dim_v <= keys.scaled; }
  const float* weight_scales(const block& keys) const { return dim_v <= keys.scaled ? reader.value_scales : nullptr; }
  bool narrow_weights(const block& keys) const { return Leaf::bf16_pairs && keys.value_numbers->pairs && whole_weights(keys); }
  // Columns [lo, hi) of rows [0, count) become bf16 in place, at the same columns of halves.
  static void narrow_rows(float* rows_at, int lo, int hi, int count) {
    for (int r = 0; r < count; ++r) narrow_row(rows_at + r * block_keys, lo, hi, [](vector x, int) TENON_LAMBDA { return x; });
  }
  // f(vector, column) of each vector of a row, likewise.
  template <class F>
  TENON_INLINE static void narrow_row(float* at, int lo, int hi, const F& f) {
    if constexpr (Leaf::bf16_pairs)
      for (int c = lo; c < hi; c += 2 * key_granule) {  // the last store may fill a vector past hi, within the row's own memory
        const vector first = f(Leaf::load(at + c), c), second = c + key_granule < hi ? f(Leaf::load(at + c + key_granule), c + key_granule) : Leaf::fill(0);
        Leaf::store(at + c / 2, Leaf::rounded_pairs(first, second));
      }
  }

  void scores(const float* left, const block& keys, int count, int lo, int hi) const {
    const int step = keys.scaled != 0 ? keys.scaled : keys.key_numbers->pairs ? dim : chain_of(dim);
    for (int d = 0; d < dim; d += step) {
      const bool last = dim - d <= step;
      const float* scale = keys.scaled == 0 ? nullptr : reader.key_scales + d / step * block_keys;
      keys.key_numbers->scores(s, left, keys.keys, d, last ? dim - d : step, count, lo, hi, {score_factor, scale, d != 0, last ? tops : nullptr}, keys.ahead);
    }
  }
  void no_tops() const {
    for (int i = 0; i < group_rows * key_granule; i += Leaf::lanes) Leaf::store(tops + i, Leaf::fill(nothing));
  }
  // The same of all sixteen, where a vector has as many lanes: the rows are folded into each other, halves first.
  template <class F>
  TENON_INLINE static rows across(const float* from, const F& of) {
    vector x[group_rows];
#pragma GCC unroll 16
    for (int r = 0; r < group_rows; ++r) x[r] = Leaf::load(from + row_of_lane(r) * key_granule);
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) x[r] = of(Leaf::template folds<8, 0>(x[r], x[r + 8]), Leaf::template folds<8, 1>(x[r], x[r + 8]));
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) x[r] = of(Leaf::template folds<4, 0>(x[r], x[r + 4]), Leaf::template folds<4, 1>(x[r], x[r + 4]));
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r) x[r] = of(Leaf::template folds<2, 0>(x[r], x[r + 2]), Leaf::template folds<2, 1>(x[r], x[r + 2]));
    rows out;
    Leaf::store(out.at, of(Leaf::template folds<1, 0>(x[0], x[1]), Leaf::template folds<1, 1>(x[0], x[1])));
    return out;
  }
  // One number per row of [16][16], of the first `lanes` of each.
  template <class F>
  TENON_INLINE static rows over_lanes(const float* from, const F& of) {
    rows out;
    for (int r = 0; r < group_rows; ++r) out.at[r] = of(Leaf::load(from + r * key_granule));
    return out;
  }
  void weigh(float* to, const float* fade, const block& keys, int count, int lo, int hi) const {
    keys.ahead.after = keys.after_values;
    if (whole_weights(keys)) return keys.value_numbers->weigh(to, s, keys.values, dim_v, 0, dim_v, count, lo, hi, fade, keys.ahead);
    for (int first = 0; first < dim_v; first += keys.scaled) {
      const float* scale = reader.value_scales + first / keys.scaled * block_keys;
      const int rows_there = products::padded_rows(count);
      for (int r = 0; r < rows_there; ++r)
        for (int c = lo; c < hi; c += Leaf::lanes) Leaf::store(t + r * block_keys + c, Leaf::multiply(Leaf::load(s + r * block_keys + c), Leaf::load(scale + c)));
      if (keys.value_numbers->pairs) narrow_rows(t, lo, hi, rows_there);
      keys.value_numbers->weigh(to, t, keys.values, dim_v, first, dim_v - first < keys.scaled ? dim_v - first : keys.scaled, count, lo, hi, fade, keys.ahead);
    }
  }
  rows exponentiate(float* scores, int lo, int hi, int count, bool narrow, const float* scale, const softmax_state<group_rows>& state) const {
    const auto scaled = [&](vector w, int c) TENON_LAMBDA { return scale == nullptr ? w : Leaf::multiply(w, Leaf::load(scale + c)); };
    constexpr int parts = key_granule / Leaf::lanes;
    const int padded = products::padded_rows(count);
    for (int r = 0; r < count; ++r) {
      float* at = scores + r * block_keys;
      const vector reference = Leaf::fill(state.reference.at[r]), base = Leaf::fill(log2_e);
      vector total[parts];
      for (int p = 0; p < parts; ++p) total[p] = Leaf::fill(0);
      if (narrow) {
        if constexpr (Leaf::bf16_pairs)
          narrow_row(at, lo, hi, [&](vector x, int c) TENON_LAMBDA {
            const vector w = Leaf::rough_exp2(Leaf::fma(x, base, reference));
            total[0] = Leaf::add(total[0], w);
            return scaled(w, c);
          });
      } else {
        for (int c = lo; c < hi; c += key_granule)
          for (int p = 0; p < parts; ++p) {
            const vector w = Leaf::exp2(Leaf::fma(Leaf::load(at + c + p * Leaf::lanes), base, reference));
            total[p] = Leaf::add(total[p], w);
            Leaf::store(at + c + p * Leaf::lanes, scaled(w, c + p * Leaf::lanes));
          }
      }
      for (int p = 1; p < parts; ++p) total[0] = Leaf::add(total[0], total[p]);
      Leaf::store(totals + r * key_granule, total[0]);
    }
    for (int r = count; r < group_rows; ++r) {  // rows of padding, which the products touch: no stray subnormals
      Leaf::store(totals + r * key_granule, Leaf::fill(0));
      for (int c = narrow ? 0 : lo; r < padded && c < hi; c += Leaf::lanes) Leaf::store(scores + r * block_keys + c, Leaf::fill(0));
    }
    if constexpr (Leaf::lanes == group_rows)
      return across(totals, [](vector a, vector b) TENON_LAMBDA { return Leaf::add(a, b); });
    else
      return over_lanes(totals, [](vector x) TENON_LAMBDA { return Leaf::sum_of(x); });
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
  bool carefully(float* to, const rows* fade, const block& keys, span live, int row0, int count, const Meaning& mean) const {
    const auto seen_by_all = [&](int key) { return covers(mean, row0, row0 + count, key, key + key_granule) == cover::all; };
    span doubtful = live;  // a weight of zero that stands for a masked key
    while (!doubtful.empty() && seen_by_all(doubtful.lo)) doubtful.lo += key_granule;
    while (!doubtful.empty() && seen_by_all(doubtful.hi - key_granule)) doubtful.hi -= key_granule;
    block held = keys;
    if (finite_values(held, live, doubtful)) return false;
    if (fade != nullptr) fade_sums(to, dim_v, count, *fade);
    for (int r = 0; r < count; ++r)
      if (held.value_numbers->pairs) {
        for (int key = live.lo; key < live.hi; key += 2) add_pair(to + r * dim_v, held, r, key - keys.key0, mean.keep(row0 + r, key), mean.keep(row0 + r, key + 1));
      } else {
        for (int key = live.lo; key < live.hi; ++key)
          if (mean.keep(row0 + r, key)) add_value(to + r * dim_v, held, s[r * block_keys + (key - keys.key0)], key - keys.key0);
      }
    return true;
  }
  // Whether the values of the doubtful keys are finite; if not, `keys` get what is held, to be taken one by one.
  bool finite_values(block& keys, span live, span doubtful) const {
    const int lo = doubtful.lo - keys.key0, hi = doubtful.hi - keys.key0;
    bool good = true;
    if (keys.scaled != 0) {
      for (int c = 0; c < dim_v && good; c += keys.scaled) good = finite(reader.value_scales + c / keys.scaled * block_keys + lo, hi - lo, false);
      if (good) return true;
    }
    if (keys.value_numbers->held != nullptr) reader.widen_values(keys, (live.hi - keys.key0 + key_granule - 1) / key_granule, (live.lo - keys.key0) / key_granule);
    if (keys.scaled != 0) return false;
    const bool pairs = keys.value_numbers->pairs;
    for (int p = lo / key_granule; p < hi / key_granule && good; ++p) good = finite(reinterpret_cast<const float*>(keys.values[p]), index_t{key_granule} * dim_v / (pairs ? 2 : 1), pairs);
    return good;
  }
  void add_value(float* to, const block& keys, float weight, int key) const {
    const float* value = reinterpret_cast<const float*>(keys.values[key / key_granule]) + key % key_granule * dim_v;
    const int step = whole_weights(keys) ? dim_v : keys.scaled;
    for (int first = 0; first < dim_v; first += step) {
      const vector w = Leaf::fill(whole_weights(keys) ? weight : weight * reader.value_scales[first / step * block_keys + key]);
      for (int c = first; c < dim_v && c < first + step; c += Leaf::lanes) Leaf::store(to + c, Leaf::fma(w, Leaf::load(value + c), Leaf::load(to + c)));
    }
  }
  // As the instruction of narrow_row has it, to which what is subnormal is 0.
  static bf16 narrowed(float weight) { return bf16(weight < std::numeric_limits<float>::min() ? 0.0f : weight); }
  // The values of keys `key` and key + 1, of which those that are not seen count as zeros of weight zero.
  void add_pair(float* to, const block& keys, int r, int key, bool first_seen, bool second_seen) const {
    if constexpr (Leaf::bf16_pairs) {
      const float* values = reinterpret_cast<const float*>(keys.values[key / key_granule]) + key % key_granule / 2 * dim_v;
      const int step = whole_weights(keys) ? dim_v : keys.scaled;
      for (int first = 0; first < dim_v; first += step) {
        bf16 weights[2];
        for (int i = 0; i < 2; ++i) {
          const float w = s[r * block_keys + key + i];
          weights[i] = whole_weights(keys) ? reinterpret_cast<const bf16*>(s + r * block_keys)[key + i] : narrowed(w * reader.value_scales[first / step * block_keys + key + i]);
          if (!(i == 0 ? first_seen : second_seen)) weights[i] = bf16(0.0f);
        }
        float both;
        __builtin_memcpy(&both, weights, sizeof both);
        for (int c = first; c < dim_v && c < first + step; c += Leaf::lanes)
          Leaf::store(to + c, Leaf::dot(Leaf::fill(both), Leaf::keep_pairs(Leaf::load(values + c), first_seen, second_seen), Leaf::load(to + c)));
      }
    }
  }
  // Whether `count` floats, or pairs, are all finite: 0 x is 0 or NaN, and NaN stays in the sum.
  static bool finite(const float* at, index_t count, bool pairs) {
    constexpr int parts = key_granule / Leaf::lanes;
    vector zero[parts];
    for (int p = 0; p < parts; ++p) zero[p] = Leaf::fill(0);
    for (index_t i = 0; i < count; i += key_granule)
      for (int p = 0; p < parts; ++p) {
        const vector x = Leaf::load(at + i + p * Leaf::lanes);
        if constexpr (Leaf::bf16_pairs)
          if (pairs) {
            zero[p] = Leaf::dot(x, Leaf::fill(0), zero[p]);
            continue;
          }
        zero[p] = Leaf::fma(x, Leaf::fill(0), zero[p]);
      }
    for (int p = 1; p < parts; ++p) zero[0] = Leaf::add(zero[0], zero[p]);
    return Leaf::sum_of(zero[0]) == 0;
  }
};

}  // namespace atoms
TENON_KERNELS_END
