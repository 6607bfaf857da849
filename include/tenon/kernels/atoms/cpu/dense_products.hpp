#pragma once
// Products of dense tiles on a processor, as micro tiles over the leaf of an instruction set (attention_products.hpp says what
// a leaf has): s = q k^T, o += w v and, on the way back, o += w^T v. Operands are words: floats, or pairs of bf16 of two neighbours along the
// depth, of which there are half as many; sums are floats. Every sum is one chain of fma, or dot, in order. Narrow micro tiles for ragged
// ends are left to padding: sixteen rows and columns are the least.

#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// What a word of an operand holds: one float, or two bf16 that are neighbours along the depth.
enum class word { floats, pairs };

template <class Leaf, word Word = word::floats>
struct dense_products {
  using vector = typename Leaf::vector;
  static constexpr int group_rows = 16, block_keys = 128, panel = 16;
  static constexpr int strip = 2 * panel;  ///< the most columns that `weigh` and `spread` take, so that callers may keep them in the fastest cache

  /// Words of `count` numbers along the depth.
  TENON_INLINE static constexpr index_t words(index_t count) { return Word == word::pairs ? (count + 1) / 2 : count; }

  /// Columns of the strip that begins at column c of `width`.
  TENON_INLINE static constexpr int columns(int width, int c) { return width - c < strip ? width - c : strip; }

  /// A left operand: element (r, d) at data[r row + d step].
  struct left_operand {
    const float* data;
    index_t row, step;
  };

  /// s [16][block_keys], columns [lo, hi) of a block, = factor times q [words(dim)][16] times the panels of its keys [hi / 16][words(dim)][16], a
  /// sum of chains of `chain` dims.
  static void scores(float* s, const float* q, const float* keys, int dim, int lo, int hi, float factor, int chain) {
    const int depth = static_cast<int>(words(dim)), step = static_cast<int>(words(chain));
    each_rows([&]<int Rows>(int r) TENON_LAMBDA {
      constexpr int most = widest<Rows>();
      const auto tile = [&]<int Vectors>(int c) TENON_LAMBDA {
        for (int d = 0; d < depth; d += step) score_tile<Rows, Vectors>(s + r * block_keys, q + r, keys, depth, d, d + step < depth ? d + step : depth, c, factor);
      };
      int c = lo;
      for (; c + most * Leaf::lanes <= hi; c += most * Leaf::lanes) tile.template operator()<most>(c);
      if constexpr (most > least)
        for (; c < hi; c += panel) tile.template operator()<least>(c);
    });
  }
  /// o [16][columns] += w [16][words(block_keys)] times values [words(key)][columns], keys [lo, hi), both even; columns: at most strip. Stride, of the rows of
  /// o and values, is an index_t or, so that the code knows it, a constant.
  template <class Stride>
  static void weigh(float* o, const float* w, const float* values, Stride stride, int columns, int lo, int hi) {
    each_rows([&]<int Rows>(int r) TENON_LAMBDA {
      each_columns<Rows>(columns, [&]<int Vectors>(int c) TENON_LAMBDA {
        sum_tile<Rows, Vectors>(o + r * index_t(stride) + c, stride, {w + words(lo), words(block_keys), 1}, r, values + words(lo) * stride + c, stride, words(hi) - words(lo));
      });
    });
  }
  /// o [16 keys][columns] += w^T from: w [words(row)][block_keys] at those keys, from [words(row)][columns], rows [r0, r1), r0 even.
  template <class Stride>
  static void spread(float* o, const float* w, const float* from, Stride stride, int columns, int r0, int r1) {
    each_rows([&]<int Rows>(int r) TENON_LAMBDA {
      each_columns<Rows>(columns, [&]<int Vectors>(int c) TENON_LAMBDA {
        sum_tile<Rows, Vectors>(o + r * index_t(stride) + c, stride, {w + words(r0) * block_keys, 1, block_keys}, r, from + words(r0) * stride + c, stride, words(r1) - words(r0));
      });
    });
  }
  /// out [rows][columns] += left right over `depth` steps, right [depth][columns], of any sizes; rows of out and right lie their strides
  /// apart. Each element is one chain of fma, in order.
  static void add(float* out, index_t out_stride, const left_operand& left, const float* right, index_t right_stride, index_t rows, index_t columns, index_t depth) {
    index_t c = 0;
    const auto strips = [&]<int Vectors>() TENON_LAMBDA {
      for (; c + Vectors * Leaf::lanes <= columns; c += Vectors * Leaf::lanes) {
        index_t r = 0;
        for (; r + Leaf::rows <= rows; r += Leaf::rows) sum_tile<Leaf::rows, Vectors>(out + r * out_stride + c, out_stride, left, r, right + c, right_stride, depth);
        for (; r < rows; ++r) sum_tile<1, Vectors>(out + r * out_stride + c, out_stride, left, r, right + c, right_stride, depth);
      }
    };
    strips.template operator()<Leaf::vectors>();
    strips.template operator()<1>();
    for (index_t r = 0; c < columns && r < rows; ++r)
      for (index_t d = 0; d < depth; ++d)
        for (index_t i = c; i < columns; ++i) out[r * out_stride + i] += left.data[r * left.row + d * left.step] * right[d * right_stride + i];
  }

 private:
  TENON_INLINE static vector multiply_add(vector a, vector b, vector c) {
    if constexpr (Word == word::pairs)
      return Leaf::dot(a, b, c);
    else
      return Leaf::fma(a, b, c);
  }
  template <int Rows, int Vectors>
  TENON_INLINE static void sum_tile(float* out, index_t out_stride, const left_operand& left, index_t r0, const float* right, index_t right_stride, index_t depth) {
    vector sum[Rows][Vectors];
    const float* from[Rows];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      from[r] = left.data + (r0 + r) * left.row;
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::load(out + r * out_stride + v * Leaf::lanes);
    }
    for (index_t d = 0, at = 0; d < depth; ++d, at += left.step, right += right_stride) {
      vector row[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) row[v] = Leaf::load(right + v * Leaf::lanes);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const vector a = Leaf::fill(from[r][at]);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) sum[r][v] = multiply_add(a, row[v], sum[r][v]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) Leaf::store(out + r * out_stride + v * Leaf::lanes, sum[r][v]);
  }
  static constexpr int least = panel / Leaf::lanes;  // vectors in a panel
  // Few rows take more columns, so that as many chains are under way.
  template <int Rows>
  static constexpr int widest() {
    int count = Leaf::vectors;
    for (int rows = Rows; 2 * rows <= Leaf::rows && 2 * count * Leaf::lanes <= strip; rows *= 2) count *= 2;
    return count < least ? least : count;
  }
  // Calls f.operator()<Rows>(first) until 16 rows are done.
  template <class F>
  TENON_INLINE static void each_rows(const F& f) {
    constexpr int rest = group_rows % Leaf::rows;
    for (int r = 0; r < group_rows - rest; r += Leaf::rows) f.template operator()<Leaf::rows>(r);
    if constexpr (rest != 0) f.template operator()<rest>(group_rows - rest);
  }
  template <int Rows, class F>
  TENON_INLINE static void each_columns(int columns, const F& f) {
    constexpr int most = widest<Rows>();
    int c = 0;
    for (; c + most * Leaf::lanes <= columns; c += most * Leaf::lanes) f.template operator()<most>(c);
    if constexpr (most > least)
      for (; c < columns; c += panel) f.template operator()<least>(c);
  }

  // Micro tiles: Rows x Vectors, of words [from, to) of the depth; what is not from 0 is added. #pragma unroll keeps the sums in registers at -O2.
  template <int Rows, int Vectors>
  TENON_INLINE static void score_tile(float* out, const float* left, const float* keys, int depth, int from, int to, int c, float factor) {
    vector sum[Rows][Vectors];
    const float* at[Vectors];
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) at[v] = keys + index_t((c + v * Leaf::lanes) / panel * panel) * depth + (c + v * Leaf::lanes) % panel;
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::fill(0);
    for (int d = from; d < to; ++d) {
      vector right[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) right[v] = Leaf::load(at[v] + index_t(d) * panel);
      add_products<Rows, Vectors, 1>(sum, left + d * group_rows, right);
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
        float* const score = out + c + index_t(r) * block_keys + v * Leaf::lanes;
        Leaf::store(score, from == 0 ? Leaf::multiply(sum[r][v], Leaf::fill(factor)) : Leaf::fma(sum[r][v], Leaf::fill(factor), Leaf::load(score)));
      }
  }
  // sum[r] += left[r Stride] right
  template <int Rows, int Vectors, int Stride>
  TENON_INLINE static void add_products(vector (&sum)[Rows][Vectors], const float* left, const vector (&right)[Vectors]) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const vector a = Leaf::fill(left[r * Stride]);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) sum[r][v] = multiply_add(a, right[v], sum[r][v]);
    }
  }
};

}  // namespace atoms
TENON_KERNELS_END
