#pragma once
// The words of attention's gradients on a processor, over the leaf of its instruction set (attention_products.hpp says what a leaf has). Rows are
// held twice, once for all key blocks: as panels [dim][16] for the products that make scores, and as rows in strips of 32 columns for those
// that sum over rows. A block of keys is held likewise, beside the sums of its gradients. Whatever the numbers outside, all is fp32 here, or,
// where the leaf multiplies them faster, pairs of bf16 along what a product sums over: of dims in panels, of two rows in rows, and of w and
// dx those of two rows and, for dq, of two keys. Then q, d_out, w and dx are rounded to bf16; sums and what happens to scores stay float.
//
// What is not finite must not leak through a weight of zero: it is left out of the copies that sums are made of, and shows in
// the scores of those that see it, hence in their gradients. Rows of d_out have no score: `wild` ones are added key by key.

#include <cstddef>
#include <type_traits>

#include <tenon/kernels/atoms/cpu/chains.hpp>
#include <tenon/kernels/atoms/cpu/dense_products.hpp>
#include <tenon/kernels/atoms/cpu/lines_ahead.hpp>
#include <tenon/kernels/atoms/cpu/transpose.hpp>
#include <tenon/kernels/shared/reverse.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// Floats of rows of `width` in strips of 32 columns, [strip][row][32]: what a micro tile adds to lies side by side.
struct strips {
  static constexpr int columns = 32;
  float* data;
  index_t rows;

  TENON_INLINE static constexpr int padded(index_t width) { return static_cast<int>((width + columns - 1) / columns * columns); }
  /// Row `row` of the strip that holds column c, at that column.
  TENON_INLINE float* at(index_t row, index_t c) const { return data + c / columns * columns * rows + row * columns + c % columns; }
};

/// The rows of one kv head: [group][dim][16], and rows in strips, padded to whole groups, or half as many words in pairs.
struct backward_rows {
  strips dq, q_rows, d_out_rows;
  float *q, *d_out, *wild;  // wild: [group], not 0 where d_out is not finite

  static index_t floats(index_t padded_rows, index_t dim, index_t dim_v) { return padded_rows * (dim + dim_v + 2 * strips::padded(dim) + strips::padded(dim_v) + 1); }
  backward_rows(float* memory, index_t padded_rows, index_t dim, index_t dim_v, word words) {
    const index_t wide = strips::padded(dim), wide_v = strips::padded(dim_v), held = words == word::pairs ? padded_rows / 2 : padded_rows;
    q_rows = {memory, held}, dq = {memory + padded_rows * wide, padded_rows}, d_out_rows = {dq.data + padded_rows * wide, held};
    q = d_out_rows.data + padded_rows * wide_v, d_out = q + padded_rows * dim, wild = d_out + padded_rows * dim_v;
  }
};

/// Rows of `count` numbers of any kind, of `bytes` each and `stride` bytes apart: read as floats, where they lie or in `room`, and written.
struct row_reader {
  const std::byte* first;
  index_t stride, bytes;
  const float* (*read)(const std::byte* row, float* room, int count);
};
struct row_writer {
  std::byte* first;
  index_t stride, bytes;
  void (*write)(const float* from, std::byte* row, int count);
};

template <class Leaf>
struct attention_backward_words {
  using products = dense_products<Leaf>;
  static constexpr int group_rows = products::group_rows, block_keys = products::block_keys, key_granule = products::panel, tile_rows = 64;
  static constexpr bool bf16_pairs = Leaf::bf16_pairs;
  using vector = typename Leaf::vector;

  /// How products are taken: of floats, q times factor, or of pairs of bf16, scores and dk times factor.
  struct arithmetic {
    word words;
    float factor;
  };

  int dim, dim_v;
  arithmetic how;
  float *s, *t;  ///< [tile_rows][block_keys]: x, then w; dw, then dx. In pairs [tile_rows / 2][block_keys] then
  float* dx_by_keys;  ///< in pairs: [tile_rows][block_keys / 2], where s was
  float *keys, *values;
  strips key_rows, d_keys, d_values;
  backward_rows rows;

  /// Floats of one thread's tile.
  static index_t floats(index_t dim, index_t dim_v) { return index_t(block_keys) * (2 * tile_rows + dim + dim_v + 2 * strips::padded(dim) + strips::padded(dim_v)); }
  attention_backward_words(float* memory, int dim_qk, int width_v, const backward_rows& held, const arithmetic& by) : dim(dim_qk), dim_v(width_v), how(by), rows(held) {
    const index_t wide = block_keys * strips::padded(dim), wide_v = block_keys * strips::padded(dim_v);
    s = memory, dx_by_keys = s + tile_rows / 2 * block_keys, t = s + tile_rows * block_keys;
    key_rows = {t + tile_rows * block_keys, by.words == word::pairs ? block_keys / 2 : block_keys}, d_keys = {key_rows.data + wide, block_keys}, d_values = {d_keys.data + wide, block_keys};
    keys = d_values.data + wide_v, values = keys + block_keys * dim;
  }

  /// to[i] = from[i] factor, count a multiple of 8.
  TENON_INLINE static void scale(float* to, const float* from, float factor, int count) {
    for (int i = 0; i < count; i += 8) {
      TENON_INDEPENDENT
      for (int j = 0; j < 8; ++j) to[j] = from[j] * factor;
      to += 8, from += 8;
    }
  }
  /// The sum of a[i] b[i].
  static float dot(const float* a, const float* b, int count) {
    vector sum = Leaf::fill(0);
    int i = 0;
    for (; i + Leaf::lanes <= count; i += Leaf::lanes) sum = Leaf::fma(Leaf::load(a + i), Leaf::load(b + i), sum);
    float total = Leaf::sum_of(sum);
    for (; i < count; ++i) total += a[i] * b[i];
    return total;
  }

  /// 16 rows of `width` numbers, times factor, as a panel [width][16] and, where these are somewhere, as rows from `row` on in strips, without
  /// what is not finite; null for a row past the last. Returns whether all are finite.
  template <word Word>
  static bool pack(const float* const (&from)[group_rows], float factor, int width, float* panel, const strips& to_rows = {}, index_t row = 0) {
    constexpr int most = 64;  // columns at a time: rows lie far apart in memory, and each is read in stretches
    alignas(64) float stretch[group_rows][most];
    bool all_finite = true;
    for (int c = 0; c < width; c += most) {
      const int here = width - c < most ? width - c : most, whole = (here + 15) / 16 * 16;
      for (int r = 0; r < group_rows; ++r) {
        if (from[r] == nullptr || here < whole)
          for (int i = 0; i < most; ++i) stretch[r][i] = 0;
        if (from[r] == nullptr) continue;
        scale(stretch[r], from[r] + c, factor, here);
      }
      turn<Word>(stretch, here, panel + products_of<Word>::words(c) * group_rows);
      vector sum = Leaf::fill(0);  // 0 x is 0 or NaN
      for (int r = 0; r < group_rows; ++r)
        for (int i = 0; i < whole; i += Leaf::lanes) sum = Leaf::fma(Leaf::load(stretch[r] + i), Leaf::fill(0), sum);
      const bool finite = Leaf::sum_of(sum) == 0;
      all_finite = all_finite && finite;
      if (to_rows.data == nullptr) continue;
      for (int r = 0; !finite && r < group_rows; ++r)
        for (int i = 0; i < whole; ++i)
          if (!__builtin_isfinite(stretch[r][i])) stretch[r][i] = 0;
      for (int r = 0; r < group_rows; r += Word == word::pairs ? 2 : 1)
        for (int i = 0; i < whole; i += Leaf::lanes) {
          vector x = Leaf::load(stretch[r] + i);
          if constexpr (Word == word::pairs) x = Leaf::paired(x, Leaf::load(stretch[r + 1] + i));
          Leaf::store(to_rows.at(products_of<Word>::words(row + r), c + i), x);
        }
    }
    return all_finite;
  }
  /// The held rows of a group: q and d_out.
  void hold(int g, const float* const (&q)[group_rows], const float* const (&d_out)[group_rows]) const {
    with_products([&]<word Word>(const dense_products<Leaf, Word>& of) TENON_LAMBDA {
      const index_t first = index_t(g) * group_rows;
      pack<Word>(q, Word == word::pairs ? 1.0f : how.factor, dim, rows.q + first * of.words(dim), rows.q_rows, first);
      rows.wild[g] = pack<Word>(d_out, 1.0f, dim_v, rows.d_out + first * of.words(dim_v), rows.d_out_rows, first) ? 0.0f : 1.0f;
    });
  }

  /// Row `row` of sums to `to`, which lies among rows of `by`.
  static void write(const strips& from, index_t row, int width, const row_writer& by, std::byte* to) {
    for (int c = 0; c < width; c += strips::columns) by.write(from.at(row, c), to + c * by.bytes, products::columns(width, c));
  }

  /// Keys, values and the places of their gradients, of one kv head.
  struct source {
    row_reader k, v;
    row_writer dk, dv;
  };
  struct block {
    int key0;
  };
  /// Rows [row0, end), and the keys of the block that each group of them sees.
  struct tile {
    int row0, end;
    span live[tile_rows / group_rows];
  };

  /// Calls body(block, end) for each block on the path, keys [key0, end), and writes the gradients of all blocks in its range.
  template <class Path, class Body>
  TENON_INLINE void stream(const source& in, const Path& path, Body&& body) const {
    int visited = path.rows == 0 ? path.to : path.first();
    for (int key = path.from; key < path.to; key += block_keys) {
      const int end = path.end(key);
      const bool seen = key == visited;
      clear(d_keys.data, block_keys * strips::padded(dim)), clear(d_values.data, block_keys * strips::padded(dim_v));
      if (seen) {
        load(in.k, key, end, dim, keys, key_rows);
        load(in.v, key, end, dim_v, values, {});
        body(block{key}, end);
        visited = path.next(key);
      }
      if (seen && how.words == word::pairs) scale(d_keys.data, d_keys.data, how.factor, block_keys * strips::padded(dim));
      write_block(in.dk, d_keys, key, end, dim), write_block(in.dv, d_values, key, end, dim_v);
    }
  }

  /// Calls body(tile) for the tiles of rows on the path.
  template <class Path, class Body>
  TENON_INLINE void each_tile(const block&, const Path& path, Body&& body) const {
    for (int row = path.first(); row < path.rows; row = path.next(row)) {
      tile here{row, path.end(row), {}};
      for (int r = row; r < here.end; r += group_rows)
        here.live[(r - row) / group_rows] = path.mean.template trim<key_granule>(r, here.end - r < group_rows ? here.end : r + group_rows, path.key0, path.key1);
      body(here);
    }
  }

  /// s = q k^T and t = d_out v^T for the rows of a tile, each group of them over its own keys. A strip of keys stays in the fastest
  /// cache while the groups go by.
  void multiply(const tile& of, const block& here) const {
    with_products([&](const auto& by) TENON_LAMBDA {
      scores(by, s, rows.q + index_t(of.row0) * by.words(dim), keys, dim, of.end - of.row0, here, of.live, how.words == word::pairs ? how.factor : 1.0f);
      scores(by, t, rows.d_out + index_t(of.row0) * by.words(dim_v), values, dim_v, of.end - of.row0, here, of.live, 1.0f);
    });
  }

  /// x and dw become w and dx. slopes[g]: of the g-th group of rows, counted from row 0.
  template <class Meaning, class Slopes>
  void differentiate(const tile& of, const block& here, const Meaning& mean, const Slopes* slopes) const {
    const int row0 = of.row0;
    each_group(of.end - row0, of.live, [&](int r0, int count, span own) TENON_LAMBDA {
      const int lo = own.lo - here.key0, hi = own.hi - here.key0;
      const cover whole = mean.covers(row0 + r0, row0 + r0 + count, own.lo, own.hi);
      cover covers[block_keys / key_granule];
      for (int c = lo; c < hi; c += key_granule)
        covers[c / key_granule] = whole == cover::all ? whole : mean.covers(row0 + r0, row0 + r0 + count, here.key0 + c, here.key0 + c + key_granule);
      for (int r = r0; r < r0 + count; ++r) {
        const position first = mean.at(row0 + r, 0);
        float *w = s + r * block_keys, *dx = t + r * block_keys;
        for (int c = lo; c < hi; c += key_granule) interpret(w + c, dx + c, r - r0, first, here.key0 + c, covers[c / key_granule], mean, slopes[(row0 + r0) / group_rows]);
      }
      for (int r = r0 + count; r < r0 + group_rows; ++r)  // rows of padding, which the products touch: no stray subnormals
        clear(s + r * block_keys + lo, hi - lo), clear(t + r * block_keys + lo, hi - lo);
    });
    if constexpr (bf16_pairs)
      if (how.words == word::pairs) narrow(of, here);
  }

  /// dq += dx k.
  void accumulate_query(const tile& of, const block& here) const {
    with_products([&]<word Word>(const dense_products<Leaf, Word>& by) TENON_LAMBDA {
      const float* const dx = Word == word::pairs ? dx_by_keys : t;
      for (int c = 0; c < dim; c += strips::columns)
        each_group(of.end - of.row0, of.live, [&](int r, int, span own) TENON_LAMBDA {
          ask(r + group_rows < of.end - of.row0 ? rows.dq.at(of.row0 + r + group_rows, c) : rows.dq.at(of.row0, c + strips::columns), group_rows * strips::columns);
          by.weigh(rows.dq.at(of.row0 + r, c), dx + r * by.words(block_keys), key_rows.at(0, c), stride, columns(dim, c), own.lo - here.key0, own.hi - here.key0);
        });
    });
  }
  /// dv += w^T d_out.
  void accumulate_values(const tile& of, const block& here) const {
    with_products([&](const auto& by) TENON_LAMBDA { spread(by, d_values, s, rows.d_out_rows, dim_v, of, here); });
    for (int r = of.row0; r < of.end; ++r)
      if (rows.wild[r / group_rows] != 0) add_wild(r, r - of.row0, here, of.live[(r - of.row0) / group_rows]);
  }
  /// dk += dx^T q.
  void accumulate_keys(const tile& of, const block& here) const {
    with_products([&](const auto& by) TENON_LAMBDA { spread(by, d_keys, t, rows.q_rows, dim, of, here); });
  }

 private:
  template <word Word>
  using products_of = dense_products<Leaf, Word>;
  static_assert(products::strip == strips::columns);
  static constexpr std::integral_constant<index_t, strips::columns> stride{};
  // Columns to sum of the strip at column c: whole vectors, of which what is past `width` is zeros.
  TENON_INLINE static int columns(int width, int c) { return products::columns((width + key_granule - 1) / key_granule * key_granule, c); }
  // f(products), of the words that are held.
  template <class F>
  TENON_INLINE void with_products(const F& f) const {
    if constexpr (bf16_pairs)
      if (how.words == word::pairs) return f(products_of<word::pairs>{});
    f(products_of<word::floats>{});
  }
  // Columns [0, count) of sixteen rows as a panel.
  template <word Word, int Stride>
  static void turn(const float (&from)[group_rows][Stride], int count, float* panel) {
    if constexpr (Leaf::lanes == group_rows) {
      constexpr int step = Word == word::pairs ? 2 * group_rows : group_rows;
      for (int c = 0; c < count; c += step) {
        vector x[group_rows];
#pragma GCC unroll 16
        for (int r = 0; r < group_rows; ++r) {
          const float* const at = from[row_of_lane(r)] + c;
          x[r] = Leaf::load(at);
          if constexpr (Word == word::pairs) x[r] = Leaf::rounded_pairs(x[r], Leaf::load(at + group_rows));
        }
        transpose_sixteen<Leaf>(x);
        const int there = static_cast<int>(products_of<Word>::words(count - c));
        for (int i = 0; i < group_rows; ++i)
          if (i < there) Leaf::store(panel + (products_of<Word>::words(c) + i) * group_rows, x[i]);
      }
    } else {
      for (int i = 0; i < count; i += 4)
        for (int r = 0; r < group_rows; r += 4) transpose_four(from[r] + i, Stride, panel + i * group_rows + r, group_rows);
    }
  }
  // w and dx become pairs of bf16, of two rows each and, dx, of two keys each: whole pairs of vectors, beside the live keys too.
  void narrow(const tile& of, const block& here) const {
    const auto each_pair = [&](const auto& f) TENON_LAMBDA {  // f(row, column) for every two rows and 32 columns
      each_group(of.end - of.row0, of.live, [&](int r0, int, span own) TENON_LAMBDA {
        constexpr int step = 2 * Leaf::lanes;
        for (int r = r0; r < r0 + group_rows; r += 2)
          for (int c = (own.lo - here.key0) / step * step; c < own.hi - here.key0; c += step) f(r, c);
      });
    };
    const auto pair_rows = [](float* x, int r, int c) TENON_LAMBDA {  // row r / 2 was read before
      for (int i = c; i < c + 2 * Leaf::lanes; i += Leaf::lanes) {
        const vector first = Leaf::load(x + r * block_keys + i), second = Leaf::load(x + (r + 1) * block_keys + i);
        Leaf::store(x + r / 2 * block_keys + i, Leaf::paired(first, second));
      }
    };
    each_pair([&](int r, int c) TENON_LAMBDA { pair_rows(s, r, c); });
    each_pair([&](int r, int c) TENON_LAMBDA {
      for (int row = r; row < r + 2; ++row) {
        const float* const dx = t + row * block_keys + c;
        Leaf::store(dx_by_keys + (row * block_keys + c) / 2, Leaf::rounded_pairs(Leaf::load(dx), Leaf::load(dx + Leaf::lanes)));
      }
      pair_rows(t, r, c);
    });
  }
  // Number `at` of a pair, or of a float's word.
  TENON_INLINE float number(const float* words, int at) const {
    if (how.words == word::floats) return *words;
    bf16 pair[2];
    __builtin_memcpy(pair, words, sizeof pair);
    return static_cast<float>(pair[at % 2]);
  }
  // 16 scores of one row, in place with a constant count: so compilers vectorise a policy's scalar verb.
  template <class Meaning, class Slopes>
  TENON_INLINE static void interpret(float* w, float* dx, int r, position first, int key, cover here, const Meaning& mean, const Slopes& slopes) {
    if (here == cover::none) {
      clear(w, key_granule), clear(dx, key_granule);
      return;
    }
    float x[key_granule], seen[key_granule] = {};  // set where it is not read: g++ for Arm warns
    if constexpr (!Meaning::plain) {
      for (int i = 0; i < key_granule; ++i) x[i] = w[i];
      TENON_INDEPENDENT
      for (int i = 0; i < key_granule; ++i) w[i] = mean.adjust(x[i], first, key + i);
    }
    if (here != cover::all) {
      TENON_INDEPENDENT
      for (int i = 0; i < key_granule; ++i) seen[i] = mean.keeps(first, key + i) ? 1.0f : 0.0f;
    }
    weigh(w, dx, r, slopes);
    if (here != cover::all)
      for (int i = 0; i < key_granule; ++i) w[i] = seen[i] == 0 ? 0.0f : w[i], dx[i] = seen[i] == 0 ? 0.0f : dx[i];
    if constexpr (!Meaning::plain) mean.template reverse<key_granule>(x, dx, first, key);
  }
  TENON_INLINE static void weigh(float* w, float* ds, int r, const softmax_slopes<group_rows>& by) {
    const vector reference = Leaf::fill(by.reference.at[r]), base = Leaf::fill(log2_e), agreement = Leaf::fill(-by.agreement.at[r]);
    for (int i = 0; i < key_granule; i += Leaf::lanes) {
      const vector weight = Leaf::exp2(Leaf::fma(Leaf::load(w + i), base, reference));
      Leaf::store(w + i, weight);
      Leaf::store(ds + i, Leaf::multiply(weight, Leaf::add(Leaf::load(ds + i), agreement)));
    }
  }
  TENON_INLINE static void weigh(float* w, float* ds, int, const sigmoid_slopes<group_rows>& by) {
    TENON_INDEPENDENT
    for (int i = 0; i < key_granule; ++i) {
      const float weight = logistic(w[i] + by.bias);
      ds[i] = weight * logistic(-(w[i] + by.bias)) * ds[i];
      w[i] = weight;
    }
  }

  // Calls f(first row, rows, live) for the groups of `count` rows that see something.
  template <class F>
  TENON_INLINE static void each_group(int count, const span* live, const F& f) {
    for (int r = 0; r < count; r += group_rows)
      if (const span own = live[r / group_rows]; !own.empty()) f(r, count - r < group_rows ? count - r : group_rows, own);
  }
  template <class Products>
  void scores(const Products& by, float* to, const float* left, const float* panels, int depth, int count, const block& here, const span* live, float factor) const {
    for (int c = 0; c < block_keys; c += by.strip)
      each_group(count, live, [&](int r, int, span own) TENON_LAMBDA {
        const int lo = own.lo - here.key0 > c ? own.lo - here.key0 : c, hi = own.hi - here.key0 < c + by.strip ? own.hi - here.key0 : c + by.strip;
        if (lo < hi) by.scores(to + r * block_keys, left + r * by.words(depth), panels, depth, lo, hi, factor, how.words == word::pairs ? depth : chain_of(depth));
      });
  }
  // to [key][width] += w^T from, of each granule of keys over the groups that see it.
  template <class Products>
  static void spread(const Products& by, const strips& to, const float* w, const strips& from, int width, const tile& of, const block& here) {
    const int count = of.end - of.row0, groups = (count + group_rows - 1) / group_rows;
    for (int column = 0; column < width; column += strips::columns)
      for (int c = 0; c < block_keys; c += key_granule)
        for (int g = 0; g < groups;) {
          const auto sees = [&](int group) { return of.live[group].lo <= here.key0 + c && here.key0 + c < of.live[group].hi; };
          int last = g;
          while (last < groups && sees(last)) ++last;
          const int end = last * group_rows < count ? last * group_rows : count;
          if (last > g) by.spread(to.at(c, column), w + c, from.at(by.words(of.row0), column), stride, columns(width, column), g * group_rows, end);
          g = last + 1;
        }
  }
  void add_wild(int row, int r, const block& here, span live) const {
    const bool pairs = how.words == word::pairs;
    const float *const w = s + (pairs ? r / 2 : r) * block_keys, *const panel = rows.d_out + index_t(row / group_rows) * group_rows * (pairs ? dim_v / 2 : dim_v) + row % group_rows;
    for (int key = live.lo - here.key0; key < live.hi - here.key0; ++key)
      for (int c = 0; c < dim_v; ++c) {
        const float weight = number(w + key, r), d_out = number(panel + (pairs ? c / 2 : c) * group_rows, c);
        if (weight != 0 && !__builtin_isfinite(d_out)) *d_values.at(key, c) += weight * d_out;
      }
  }

  static void write_block(const row_writer& to, const strips& from, int key0, int end, int width) {
    constexpr int ahead = 4;
    for (int key = key0; key < end; ++key) {
      std::byte* const row = to.first + key * to.stride;
      if (key + ahead < end) lines_ahead::ask_to_write(row + ahead * to.stride, width * to.bytes);
      write(from, key - key0, width, to, row);
    }
  }
  void load(const row_reader& from, int key0, int end, int width, float* panels, const strips& to_rows) const {
    float room[group_rows * 576];
    for (int key = key0; key < key0 + block_keys; key += group_rows) {
      const float* each[group_rows];
      for (int i = 0; i < group_rows; ++i) {
        each[i] = nullptr;
        if (key + i >= end) continue;
        const std::byte* const row = from.first + (key + i) * from.stride;
        if (key + i + group_rows < end) lines_ahead::ask_second(row + group_rows * from.stride, width * from.bytes);  // rows lie far apart: no prefetcher follows
        each[i] = from.read(row, room + i * 576, width);
      }
      with_products([&]<word Word>(const dense_products<Leaf, Word>& by) TENON_LAMBDA { pack<Word>(each, 1.0f, width, panels + by.words(width) * (key - key0), to_rows, key - key0); });
    }
  }
  // Asks for memory that comes next. Rows and their sums outgrow the second-level cache, and are read in short stretches.
  TENON_INLINE static void ask(const float* at, index_t count) { lines_ahead::ask(reinterpret_cast<const std::byte*>(at), count * static_cast<index_t>(sizeof(float))); }
  TENON_INLINE static void clear(float* to, int count) {
    for (int i = 0; i < count; i += Leaf::lanes) Leaf::store(to + i, Leaf::fill(0));
  }
};

}  // namespace atoms
TENON_KERNELS_END
