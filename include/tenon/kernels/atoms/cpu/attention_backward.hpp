#pragma once
// The words of attention's gradients on a processor, over the leaf of its instruction set (attention_products.hpp says what a leaf has). Rows are
// held twice, once for all key blocks: as panels [dim][16] for the products that make scores, and as rows [row][dim] for those
// that sum over rows. A block of keys is held likewise, beside the sums of its gradients. Whatever the numbers outside, all is fp32 here.
//
// What is not finite must not leak through a weight of zero: it is left out of the copies that sums are made of, and shows in
// the scores of those that see it, hence in their gradients. Rows of d_out have no score: `wild` ones are added key by key.

#include <cstddef>

#include <tenon/kernels/atoms/cpu/dense_products.hpp>
#include <tenon/kernels/atoms/cpu/transpose.hpp>
#include <tenon/kernels/shared/reverse.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// The rows of one kv head: [group][dim][16] and [row][wide] each, padded to whole groups; wide is dim padded to 16.
struct backward_rows {
  float *q, *q_rows, *d_out, *d_out_rows, *dq, *wild;  // wild: [group], not 0 where d_out is not finite

  static index_t floats(index_t padded_rows, index_t dim, index_t dim_v) {
    const index_t wide = (dim + 15) / 16 * 16, wide_v = (dim_v + 15) / 16 * 16;
    return padded_rows * (dim + dim_v + 2 * wide + wide_v + 1);
  }
  backward_rows(float* memory, index_t padded_rows, index_t dim, index_t dim_v) {
    const index_t wide = (dim + 15) / 16 * 16, wide_v = (dim_v + 15) / 16 * 16;
    q_rows = memory, dq = q_rows + padded_rows * wide, d_out_rows = dq + padded_rows * wide;
    q = d_out_rows + padded_rows * wide_v, d_out = q + padded_rows * dim, wild = d_out + padded_rows * dim_v;
  }
};

/// Rows of `count` numbers of any kind, `stride` bytes apart: read as floats, where they lie or in `room`, and written.
struct row_reader {
  const std::byte* first;
  index_t stride;
  const float* (*read)(const std::byte* row, float* room, int count);
};
struct row_writer {
  std::byte* first;
  index_t stride;
  void (*write)(const float* from, std::byte* row, int count);
};

template <class Leaf>
struct attention_backward_words {
  using products = dense_products<Leaf>;
  static constexpr int group_rows = products::group_rows, block_keys = products::block_keys, key_granule = products::panel, tile_rows = 64;
  using vector = typename Leaf::vector;

  int dim, dim_v, wide, wide_v;
  float *s, *t;  ///< [tile_rows][block_keys]: x, then w; dw, then dx
  float *keys, *key_rows, *values, *d_keys, *d_values;
  backward_rows rows;

  /// Floats of one thread's tile.
  static index_t floats(index_t dim, index_t dim_v) {
    const index_t wide = (dim + 15) / 16 * 16, wide_v = (dim_v + 15) / 16 * 16;
    return index_t(block_keys) * (2 * tile_rows + dim + dim_v + 2 * wide + wide_v);
  }
  attention_backward_words(float* memory, int dim_qk, int width_v, const backward_rows& held)
      : dim(dim_qk), dim_v(width_v), wide((dim + 15) / 16 * 16), wide_v((dim_v + 15) / 16 * 16), rows(held) {
    s = memory, t = s + tile_rows * block_keys, key_rows = t + tile_rows * block_keys, d_keys = key_rows + block_keys * wide;
    d_values = d_keys + block_keys * wide, keys = d_values + block_keys * wide_v, values = keys + block_keys * dim;
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

  /// 16 rows of `width` numbers, times factor, as a panel [width][16] and, where `to_rows` is not null, as rows [16][padded] without
  /// what is not finite; null for a row past the last. Returns whether all are finite.
  static bool pack(const float* const (&from)[group_rows], float factor, int width, int padded, float* panel, float* to_rows) {
    constexpr int most = 64;  // columns at a time: rows lie far apart in memory, and each is read in stretches
    alignas(64) float stretch[group_rows][most];
    float zero = 0;  // 0 x is 0 or NaN
    for (int c = 0; c < width; c += most) {
      const int here = width - c < most ? width - c : most, whole = (here + 15) / 16 * 16;
      for (int r = 0; r < group_rows; ++r) {
        if (from[r] == nullptr || here < whole)
          for (int i = 0; i < most; ++i) stretch[r][i] = 0;
        if (from[r] == nullptr) continue;
        scale(stretch[r], from[r] + c, factor, here);
      }
      vector sum = Leaf::fill(0);
      for (int r = 0; r < group_rows; ++r)
        for (int i = 0; i < whole; i += Leaf::lanes) sum = Leaf::fma(Leaf::load(stretch[r] + i), Leaf::fill(0), sum);
      const bool finite = Leaf::sum_of(sum) == 0;
      zero = finite ? zero : 1;
      for (int r = 0; to_rows != nullptr && r < group_rows; ++r)
        for (int i = 0; i < whole; i += Leaf::lanes) Leaf::store(to_rows + index_t(r) * padded + c + i, Leaf::load(stretch[r] + i));
      for (int r = 0; to_rows != nullptr && !finite && r < group_rows; ++r)
        for (int i = 0; i < whole; ++i)
          if (!__builtin_isfinite(stretch[r][i])) to_rows[index_t(r) * padded + c + i] = 0;
      for (int i = 0; i < here; i += 4)
        for (int r = 0; r < group_rows; r += 4) transpose_four(stretch[r] + i, most, panel + (c + i) * group_rows + r, group_rows);
    }
    return zero == 0;
  }
  /// The held rows of a group: q times factor, and d_out.
  void hold(int g, float factor, const float* const (&q)[group_rows], const float* const (&d_out)[group_rows]) const {
    const index_t first = index_t(g) * group_rows;
    pack(q, factor, dim, wide, rows.q + first * dim, rows.q_rows + first * wide);
    rows.wild[g] = pack(d_out, 1.0f, dim_v, wide_v, rows.d_out + first * dim_v, rows.d_out_rows + first * wide_v) ? 0.0f : 1.0f;
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
      clear(d_keys, block_keys * wide), clear(d_values, block_keys * wide_v);
      if (seen) {
        load(in.k, key, end, dim, wide, keys, key_rows);
        load(in.v, key, end, dim_v, wide_v, values, nullptr);
        body(block{key}, end);
        visited = path.next(key);
      }
      for (int i = key; i < end; ++i) {
        in.dk.write(d_keys + index_t(i - key) * wide, in.dk.first + i * in.dk.stride, dim);
        in.dv.write(d_values + index_t(i - key) * wide_v, in.dv.first + i * in.dv.stride, dim_v);
      }
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
    scores(s, rows.q + index_t(of.row0) * dim, keys, dim, of.end - of.row0, here, of.live);
    scores(t, rows.d_out + index_t(of.row0) * dim_v, values, dim_v, of.end - of.row0, here, of.live);
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
        clear(t + r * block_keys + lo, hi - lo);
    });
  }

  /// dq += dx k.
  void accumulate_query(const tile& of, const block& here) const {
    for (int c = 0; c < wide; c += products::strip)
      each_group(of.end - of.row0, of.live, [&](int r, int, span own) TENON_LAMBDA {
        products::weigh(rows.dq + index_t(of.row0 + r) * wide, t + r * block_keys, key_rows, wide, own.lo - here.key0, own.hi - here.key0, c);
      });
  }
  /// dv += w^T d_out.
  void accumulate_values(const tile& of, const block& here) const {
    spread(d_values, s, rows.d_out_rows + index_t(of.row0) * wide_v, wide_v, of.end - of.row0, here, of.live);
    for (int r = of.row0; r < of.end; ++r)
      if (rows.wild[r / group_rows] != 0) add_wild(r, s + (r - of.row0) * block_keys, here, of.live[(r - of.row0) / group_rows]);
  }
  /// dk += dx^T q.
  void accumulate_keys(const tile& of, const block& here) const {
    spread(d_keys, t, rows.q_rows + index_t(of.row0) * wide, wide, of.end - of.row0, here, of.live);
  }

 private:
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
  static void scores(float* tile, const float* left, const float* panels, int depth, int count, const block& here, const span* live) {
    for (int c = 0; c < block_keys; c += products::strip)
      each_group(count, live, [&](int r, int, span own) TENON_LAMBDA {
        const int lo = own.lo - here.key0 > c ? own.lo - here.key0 : c, hi = own.hi - here.key0 < c + products::strip ? own.hi - here.key0 : c + products::strip;
        if (lo < hi) products::scores(tile + r * block_keys, left + index_t(r) * depth, panels, depth, lo, hi);
      });
  }
  // to [key][width] += tile^T from, of each granule of keys over the groups that see it.
  static void spread(float* to, const float* tile, const float* from, int width, int count, const block& here, const span* live) {
    const int groups = (count + group_rows - 1) / group_rows;
    for (int column = 0; column < width; column += products::strip)
      for (int c = 0; c < block_keys; c += key_granule)
        for (int g = 0; g < groups;) {
          const auto sees = [&](int group) { return live[group].lo <= here.key0 + c && here.key0 + c < live[group].hi; };
          int last = g;
          while (last < groups && sees(last)) ++last;
          const int end = last * group_rows < count ? last * group_rows : count;
          if (last > g) products::spread(to + index_t(c) * width, tile + c, from, width, g * group_rows, end, column);
          g = last + 1;
        }
  }
  void add_wild(int row, const float* w, const block& here, span live) const {
    const float* panel = rows.d_out + index_t(row / group_rows) * group_rows * dim_v + row % group_rows;
    for (int key = live.lo - here.key0; key < live.hi - here.key0; ++key)
      for (int c = 0; w[key] != 0 && c < dim_v; ++c)
        if (!__builtin_isfinite(panel[c * group_rows])) d_values[index_t(key) * wide_v + c] += w[key] * panel[c * group_rows];
  }

  static void load(const row_reader& from, int key0, int end, int width, int padded, float* panels, float* to_rows) {
    float room[group_rows * 576];
    for (int key = key0; key < key0 + block_keys; key += group_rows) {
      const float* each[group_rows];
      for (int i = 0; i < group_rows; ++i) each[i] = key + i < end ? from.read(from.first + (key + i) * from.stride, room + i * 576, width) : nullptr;
      pack(each, 1.0f, width, padded, panels + index_t(key - key0) * width, to_rows == nullptr ? nullptr : to_rows + index_t(key - key0) * padded);
    }
  }
  TENON_INLINE static void clear(float* to, int count) {
    for (int i = 0; i < count; i += Leaf::lanes) Leaf::store(to + i, Leaf::fill(0));
  }
};

}  // namespace atoms
TENON_KERNELS_END
