#pragma once
// The two products of attention on a processor, s = q k^T and o += w v, as micro tiles over the leaf of an instruction set:
//   Leaf::vector, lanes, rows x vectors (the tile that its registers hold best), load, store, fill, fma(a, b, c) = a b + c,
//   multiply, add, highest, exp2, sum_of, highest_of, widen (pairs of 16-bit numbers to the vectors of their firsts and seconds).
// Every score is one chain of fma over dim and every sum one chain over keys, in order, so that no tile shape shows in the bits.

#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Leaf>
struct attention_products {
  using vector = typename Leaf::vector;
  static constexpr int group_rows = 16, block_keys = 128, panel = 16;

  /// s [16][block_keys], columns [lo, hi) of a block, = q [dim][16] times the panels of its keys [hi / 16][depth][16]; rows [0, count).
  static void scores(float* s, const float* q, const float* keys, int depth, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { score_rows<Rows>(s + r * block_keys, q + r, keys, depth, lo, hi); });
  }
  /// The same from panels [hi / 16][depth / 2][16][2] of 16-bit numbers, widened in registers: for few rows.
  template <class Number>
  static void scores_narrow(float* s, const float* q, const Number* keys, int depth, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { score_rows_narrow<Rows>(s + r * block_keys, q + r, keys, depth, lo, hi); });
  }
  /// o [16][width] += w [16][block_keys] times values [key][width], keys [lo, hi) of a block; rows [0, count).
  static void weigh(float* o, const float* w, const float* values, int width, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { weigh_rows<Rows>(o + index(r) * width, w + r * block_keys, values, width, lo, hi); });
  }
  /// The same from values [key / 2][width][2] of 16-bit numbers.
  template <class Number>
  static void weigh_narrow(float* o, const float* w, const Number* values, int width, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { weigh_rows_narrow<Rows>(o + index(r) * width, w + r * block_keys, values, width, lo, hi); });
  }

  /// How many rows the products touch for `count` of them: whole micro tiles.
  TENON_INLINE static int padded_rows(int count) {
    int padded = 0;
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { padded = r + Rows; });
    return padded;
  }

 private:
  // Few rows take more columns, so that as many chains are under way.
  template <int Rows>
  static constexpr int vectors(int most_columns) {
    int count = Leaf::vectors;
    for (int rows = Rows; 2 * rows <= Leaf::rows && 2 * count * Leaf::lanes <= most_columns; rows *= 2) count *= 2;
    return count;
  }
  static constexpr int least = panel / Leaf::lanes;  // vectors in a panel

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

  template <int Rows>
  static void score_rows(float* out, const float* left, const float* keys, int depth, int lo, int hi) {
    constexpr int most = vectors<Rows>(64);
    int c = lo;
    for (; c + most * Leaf::lanes <= hi; c += most * Leaf::lanes) score_tile<Rows, most>(out, left, keys, depth, c);
    if constexpr (most > least)
      for (; c < hi; c += panel) score_tile<Rows, least>(out, left, keys, depth, c);
  }
  template <int Rows, class Number>
  static void score_rows_narrow(float* out, const float* left, const Number* keys, int depth, int lo, int hi) {
    constexpr int most = least > Leaf::vectors ? least : Leaf::vectors;
    int c = lo;
    for (; c + most * Leaf::lanes <= hi; c += most * Leaf::lanes) score_tile_narrow<Rows, most>(out, left, keys, depth, c);
    if constexpr (most > least)
      for (; c < hi; c += panel) score_tile_narrow<Rows, least>(out, left, keys, depth, c);
  }
  template <int Rows>
  static void weigh_rows(float* out, const float* weights, const float* values, int width, int lo, int hi) {
    constexpr int most = vectors<Rows>(128);
    int c = 0;
    for (; c + most * Leaf::lanes <= width; c += most * Leaf::lanes) weigh_tile<Rows, most>(out + c, weights, values + c, width, lo, hi);
    if constexpr (most > least)
      for (; c < width; c += panel) weigh_tile<Rows, least>(out + c, weights, values + c, width, lo, hi);
  }
  template <int Rows, class Number>
  static void weigh_rows_narrow(float* out, const float* weights, const Number* values, int width, int lo, int hi) {
    constexpr int most = vectors<Rows>(128);
    int c = 0;
    for (; c + most * Leaf::lanes <= width; c += most * Leaf::lanes) weigh_tile_narrow<Rows, most>(out + c, weights, values + 2 * c, width, lo, hi);
    if constexpr (most > least)
      for (; c < width; c += panel) weigh_tile_narrow<Rows, least>(out + c, weights, values + 2 * c, width, lo, hi);
  }

  // Micro tiles: Rows x Vectors, columns from c. #pragma unroll keeps the sums in registers at -O2.
  template <int Rows, int Vectors>
  TENON_INLINE static void score_tile(float* out, const float* left, const float* keys, int depth, int c) {
    vector sum[Rows][Vectors];
    const float* at[Vectors];
    zero<Rows, Vectors>(sum);
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) at[v] = keys + index((c + v * Leaf::lanes) / panel * panel) * depth + (c + v * Leaf::lanes) % panel;
    for (int d = 0; d < depth; ++d) {
      vector right[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) right[v] = Leaf::load(at[v] + index(d) * panel);
      add_products<Rows, Vectors, 1>(sum, left + d * group_rows, right);
    }
    keep<Rows, Vectors>(sum, out + c, block_keys);
  }
  template <int Rows, int Vectors, class Number>
  TENON_INLINE static void score_tile_narrow(float* out, const float* left, const Number* keys, int depth, int c) {
    vector sum[Rows][Vectors];
    const Number* at[Vectors];
    zero<Rows, Vectors>(sum);
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) at[v] = keys + index((c + v * Leaf::lanes) / panel * panel) * depth + 2 * ((c + v * Leaf::lanes) % panel);
    for (int d = 0; d < depth; d += 2) {
      vector even[Vectors], odd[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) Leaf::widen(at[v] + index(d) * panel, even[v], odd[v]);
      add_products<Rows, Vectors, 1>(sum, left + d * group_rows, even);
      add_products<Rows, Vectors, 1>(sum, left + (d + 1) * group_rows, odd);
    }
    keep<Rows, Vectors>(sum, out + c, block_keys);
  }
  template <int Rows, int Vectors>
  TENON_INLINE static void weigh_tile(float* out, const float* weights, const float* values, int width, int lo, int hi) {
    vector sum[Rows][Vectors];
    take<Rows, Vectors>(sum, out, width);
    for (int key = lo; key < hi; ++key) {
      vector right[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) right[v] = Leaf::load(values + index(key) * width + v * Leaf::lanes);
      add_products<Rows, Vectors, block_keys>(sum, weights + key, right);
    }
    keep<Rows, Vectors>(sum, out, width);
  }
  template <int Rows, int Vectors, class Number>
  TENON_INLINE static void weigh_tile_narrow(float* out, const float* weights, const Number* values, int width, int lo, int hi) {
    vector sum[Rows][Vectors];
    take<Rows, Vectors>(sum, out, width);
    for (int key = lo; key < hi; key += 2) {
      vector even[Vectors], odd[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) Leaf::widen(values + index(key) * width + 2 * v * Leaf::lanes, even[v], odd[v]);
      add_products<Rows, Vectors, block_keys>(sum, weights + key, even);
      add_products<Rows, Vectors, block_keys>(sum, weights + key + 1, odd);
    }
    keep<Rows, Vectors>(sum, out, width);
  }

  // sum[r] += left[r Stride] right
  template <int Rows, int Vectors, int Stride>
  TENON_INLINE static void add_products(vector (&sum)[Rows][Vectors], const float* left, const vector (&right)[Vectors]) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const vector a = Leaf::fill(left[r * Stride]);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::fma(a, right[v], sum[r][v]);
    }
  }
  template <int Rows, int Vectors>
  TENON_INLINE static void zero(vector (&sum)[Rows][Vectors]) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::fill(0);
  }
  template <int Rows, int Vectors>
  TENON_INLINE static void take(vector (&sum)[Rows][Vectors], const float* from, int stride) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::load(from + index(r) * stride + v * Leaf::lanes);
  }
  template <int Rows, int Vectors>
  TENON_INLINE static void keep(const vector (&sum)[Rows][Vectors], float* to, int stride) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) Leaf::store(to + index(r) * stride + v * Leaf::lanes, sum[r][v]);
  }
};

}  // namespace atoms
TENON_KERNELS_END
