#pragma once
// The two products of attention on a processor, s = q k^T and o += w v, as micro tiles over the leaf of an instruction set:
//   Leaf::vector, lanes, rows x vectors (the tile that its registers hold best), load, store, fill, fma(a, b, c) = a b + c,
//   multiply, add, highest, exp2, sum_of, highest_of, widen (pairs of 16-bit numbers to the vectors of their firsts and seconds;
//   bytes to one vector), e4m3_step.
// Every score is one chain of fma over dim and every sum one chain over keys, in order, so that no tile shape shows in the bits.

#include <cstddef>
#include <cstdint>

#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Leaf>
struct attention_products {
  using vector = typename Leaf::vector;
  static constexpr int group_rows = 16, block_keys = 128, panel = 16;

  static constexpr int panels = block_keys / panel;  ///< in a block

  // A block's keys and values lie in panels of 16 keys, each wherever it is; `Storage` is what it holds: float, or narrow numbers
  // that are widened in registers, for few rows.

  /// s [16][block_keys], columns [lo, hi) of a block, = dims [dim, dim + depth) of q [dim][16] times those of key panels
  /// [dim / pack][16][pack]; rows [0, count).
  template <class Storage>
  static void scores(float* s, const float* q, const std::byte* const* keys, int dim, int depth, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { score_rows<Rows, Storage>(s + r * block_keys, q + r, keys, dim, depth, lo, hi); });
  }
  /// Columns [column, column + columns) of o [16][width] += w [16][block_keys] times value panels [16 / pack][width][pack], keys
  /// [lo, hi) of a block; rows [0, count).
  template <class Storage>
  static void weigh(float* o, const float* w, const std::byte* const* values, int width, int column, int columns, int count, int lo, int hi) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA { weigh_rows<Rows, Storage>(o + index_t(r) * width, w + r * block_keys, values, width, column, columns, lo, hi); });
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

  template <class Storage>
  static constexpr int pack = sizeof(Storage) == 2 ? 2 : 1;

  template <int Rows, class Storage>
  static void score_rows(float* out, const float* left, const std::byte* const* keys, int dim, int depth, int lo, int hi) {
    constexpr int widest = pack<Storage> == 2 ? (least > Leaf::vectors ? least : Leaf::vectors) : vectors<Rows>(64);
    int c = lo;
    for (; c + widest * Leaf::lanes <= hi; c += widest * Leaf::lanes) score_tile<Rows, widest, Storage>(out, left, keys, dim, depth, c);
    if constexpr (widest > least)
      for (; c < hi; c += panel) score_tile<Rows, least, Storage>(out, left, keys, dim, depth, c);
  }
  template <int Rows, class Storage>
  static void weigh_rows(float* out, const float* weights, const std::byte* const* values, int width, int column, int columns, int lo, int hi) {
    constexpr int widest = vectors<Rows>(128);
    int c = column;
    const int end = column + columns;
    for (; c + widest * Leaf::lanes <= end; c += widest * Leaf::lanes) weigh_tile<Rows, widest, Storage>(out, weights, values, width, c, lo, hi);
    if constexpr (widest > least)
      for (; c < end; c += panel) weigh_tile<Rows, least, Storage>(out, weights, values, width, c, lo, hi);
  }

  // One vector per number of a pack, from where they lie.
  template <class Storage>
  TENON_INLINE static void widen(const Storage* from, vector (&to)[pack<Storage>]) {
    if constexpr (pack<Storage> == 2)
      Leaf::widen(from, to[0], to[1]);
    else if constexpr (sizeof(Storage) == 1)
      to[0] = Leaf::widen(from);
    else
      to[0] = Leaf::load(from);
  }

  // For few rows memory is the limit, and its own prefetcher stops at the end of a page: what the next panels hold is asked for early.
  static constexpr int few = 4;
  // Bytes from a panel to the next, in the same page.
  TENON_INLINE static index_t stride(const std::byte* const* at) { return static_cast<index_t>(reinterpret_cast<std::uintptr_t>(at[1]) - reinterpret_cast<std::uintptr_t>(at[0])); }

  // Micro tiles: Rows x Vectors, columns from c. #pragma unroll keeps the sums in registers at -O2.
  template <int Rows, int Vectors, class Storage>
  TENON_INLINE static void score_tile(float* out, const float* left, const std::byte* const* keys, int dim, int depth, int c) {
    constexpr int numbers = pack<Storage>;
    vector sum[Rows][Vectors];
    const Storage* at[Vectors];
    zero<Rows, Vectors>(sum);
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) at[v] = reinterpret_cast<const Storage*>(keys[(c + v * Leaf::lanes) / panel]) + dim * panel + numbers * ((c + v * Leaf::lanes) % panel);
    left += dim * group_rows;
    const index_t next = Vectors / least * stride(keys);
    for (int d = 0; d < depth; d += numbers) {
      vector right[Vectors][numbers];
      if constexpr (Rows <= few)
        if (d * panel * static_cast<int>(sizeof(Storage)) % 64 == 0)
#pragma GCC unroll 16
          for (int v = 0; v < Vectors; v += least) __builtin_prefetch(reinterpret_cast<const std::byte*>(at[v] + d * panel) + next);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) widen<Storage>(at[v] + d * panel, right[v]);
#pragma GCC unroll 2
      for (int i = 0; i < numbers; ++i) add_products<Rows, Vectors, 1>(sum, left + (d + i) * group_rows, right, i);
    }
    keep<Rows, Vectors>(sum, out + c, block_keys);
  }
  template <int Rows, int Vectors, class Storage>
  TENON_INLINE static void weigh_tile(float* out, const float* weights, const std::byte* const* values, int width, int c, int lo, int hi) {
    constexpr int numbers = pack<Storage>;
    vector sum[Rows][Vectors];
    take<Rows, Vectors>(sum, out + c, width);
    const index_t next = stride(values);
    for (int first = lo; first < hi; first += panel) {
      const Storage* row = reinterpret_cast<const Storage*>(values[first / panel]) + numbers * c;
      for (int key = first; key < first + panel; key += numbers, row += numbers * width) {
        vector right[Vectors][numbers];
        if constexpr (Rows <= few)
#pragma GCC unroll 16
          for (int at = 0; at < numbers * Vectors * Leaf::lanes; at += 64 / static_cast<int>(sizeof(Storage))) __builtin_prefetch(reinterpret_cast<const std::byte*>(row + at) + next);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) widen<Storage>(row + numbers * v * Leaf::lanes, right[v]);
#pragma GCC unroll 2
        for (int i = 0; i < numbers; ++i) add_products<Rows, Vectors, block_keys>(sum, weights + key + i, right, i);
      }
    }
    keep<Rows, Vectors>(sum, out + c, width);
  }

  // sum[r] += left[r Stride] right[.][i]
  template <int Rows, int Vectors, int Stride, int Numbers>
  TENON_INLINE static void add_products(vector (&sum)[Rows][Vectors], const float* left, const vector (&right)[Vectors][Numbers], int i) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const vector a = Leaf::fill(left[r * Stride]);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::fma(a, right[v][i], sum[r][v]);
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
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::load(from + index_t(r) * stride + v * Leaf::lanes);
  }
  template <int Rows, int Vectors>
  TENON_INLINE static void keep(const vector (&sum)[Rows][Vectors], float* to, int stride) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) Leaf::store(to + index_t(r) * stride + v * Leaf::lanes, sum[r][v]);
  }
};

}  // namespace atoms
TENON_KERNELS_END
