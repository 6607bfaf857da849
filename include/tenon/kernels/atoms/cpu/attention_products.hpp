#pragma once
// The two products of attention on a processor, s = q k^T and o += w v, as micro tiles over the leaf of an instruction set:
//   Leaf::vector, lanes, rows x vectors (the tile that its registers hold best), load, store, fill, fma(a, b, c) = a b + c,
//   multiply, add, highest, exp2, sum_of, highest_of, widen (pairs of 16-bit numbers to the vectors of their firsts and seconds;
//   bytes to one vector), e4m3_step; bf16_pairs: whether products of bf16 pairs are its fastest, then also dot(a, b, c) = c + a b over
//   pairs, widen_pairs (two rows of bytes to one vector of pairs), widen_rows and widen_columns (the same, 64 bytes at a time),
//   rounded_pairs (two vectors to 32 bf16 in a row), paired (to pairs of one of each), keep_pairs.
// Every score is one chain of fma (or dot) over dim and every sum one chain over keys, in order, so that no tile shape shows in the bits.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/cpu/lines_ahead.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Leaf>
struct attention_products {
  using vector = typename Leaf::vector;
  static constexpr int group_rows = 16, block_keys = 128, panel = 16;

  static constexpr int panels = block_keys / panel;  ///< in a block
  static constexpr int columns_at_once = 64;         ///< of Leaf::widen_columns

  // A block's keys and values lie in panels of 16 keys, each wherever it is; `Storage` is what it holds: float, or narrow numbers
  // that are widened in registers, for few rows. Where numbers are multiplied in pairs, q is [dim / 2][16] pairs of bf16, and the
  // weights are bf16, the first block_keys halves of each row of w.

  /// Whether numbers are multiplied as pairs of bf16, which bytes become exactly.
  template <class Storage>
  static constexpr bool in_pairs = Leaf::bf16_pairs && (sizeof(Storage) == 1 || std::is_same_v<Storage, bf16>);

  /// What becomes of a sum of products before it is a score.
  struct score_end {
    float factor;         ///< of sums in pairs; where floats are multiplied, q has it
    const float* scale;   ///< of each column of the block, or null: 1
    bool onto;            ///< whether it is added to what is there
    float* tops;          ///< [16][16]: by lane, the greatest score of each row and what was there; null where these are no scores yet
  };

  /// s [16][block_keys], columns [lo, hi) of a block, = dims [dim, dim + depth) of q [dim][16] times those of key panels
  /// [dim / pack][16][pack]; rows [0, count). `ahead`: memory to ask for on the way.
  template <class Storage>
  static void scores(float* s, const float* q, const std::byte* const* keys, int dim, int depth, int count, int lo, int hi, const score_end& end, lines_ahead& ahead) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA {
      score_end own = end;
      own.tops = end.tops == nullptr ? nullptr : end.tops + r * panel;
      score_rows<Rows, Storage>(s + r * block_keys, q + r, keys, dim, depth, lo, hi, own, ahead);
    });
  }
  /// Columns [column, column + columns) of o [16][width] = fade o + w [16][block_keys] times value panels [16 / pack][width][pack],
  /// keys [lo, hi) of a block; rows [0, count). fade: one per row, or null: 1.
  template <class Storage>
  static void weigh(float* o, const float* w, const std::byte* const* values, int width, int column, int columns, int count, int lo, int hi, const float* fade, lines_ahead& ahead) {
    by_rows(count, [&]<int Rows>(int r) TENON_LAMBDA {
      weigh_rows<Rows, Storage>(o + index_t(r) * width, w + r * block_keys, values, width, column, columns, lo, hi, fade == nullptr ? nullptr : fade + r, ahead);
    });
  }

  /// How many micro tiles the two products of a block make of `rows` rows, about.
  TENON_INLINE static index_t tiles(int rows, int width) { return index_t(rows + Leaf::rows - 1) / Leaf::rows * (block_keys + width) / (Leaf::vectors * Leaf::lanes); }
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
  // Few rows read one panel after the other, a stream that prefetchers follow; bytes are too few for that: then what is asked for is one.
  template <int Rows, class Storage>
  static constexpr int score_vectors() {
    if (sizeof(Storage) == 1) return vectors<Rows>(Rows == 1 ? block_keys : 64);
    if (Rows <= 4 && Rows < Leaf::rows) return least;
    return sizeof(Storage) == 4 ? vectors<Rows>(64) : least > Leaf::vectors ? least : Leaf::vectors;
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

  template <class Storage>
  static constexpr int pack = sizeof(Storage) == 2 ? 2 : 1;
  // Rows of a panel that one step takes, and the vectors that it makes of them: as many as words of the left operand. Scores of bytes in
  // pairs take twice as many: dims come in eights.
  template <class Storage>
  static constexpr int taken = in_pairs<Storage> ? 2 : pack<Storage>;
  template <class Storage>
  static constexpr int parts = in_pairs<Storage> ? 1 : pack<Storage>;
  // Bytes become pairs 64 at a time: four dims of 16 keys, or two keys of 64 columns.
  template <class Storage>
  static constexpr bool bytes_in_pairs = in_pairs<Storage> && sizeof(Storage) == 1;

  template <int Rows, class Storage>
  static void score_rows(float* out, const float* left, const std::byte* const* keys, int dim, int depth, int lo, int hi, const score_end& end, lines_ahead& ahead) {
    constexpr int widest = score_vectors<Rows, Storage>();
    int c = lo;
    for (; c + widest * Leaf::lanes <= hi; c += widest * Leaf::lanes) {
      if (widest > least && !ahead.after.adjacent(c / panel, widest / least)) break;
      score_tile<Rows, widest, Storage>(out, left, keys, dim, depth, c, end, ahead);
    }
    if constexpr (widest > least)
      for (; c < hi; c += panel) score_tile<Rows, least, Storage>(out, left, keys, dim, depth, c, end, ahead);
  }
  template <int Rows, class Storage>
  static void weigh_rows(float* out, const float* weights, const std::byte* const* values, int width, int column, int columns, int lo, int hi, const float* fade, lines_ahead& ahead) {
    constexpr int widest = vectors<Rows>(128);
    int c = column;
    const int end = column + columns;
    for (; c + widest * Leaf::lanes <= end; c += widest * Leaf::lanes) weigh_tile<Rows, widest, Storage>(out, weights, values, width, c, lo, hi, fade, ahead);
    if constexpr (widest > least)
      for (; c < end; c += panel) weigh_tile<Rows, least, Storage>(out, weights, values, width, c, lo, hi, fade, ahead);
  }

  // The vectors of one step, from where they lie.
  template <class Storage>
  TENON_INLINE static void widen(const Storage* from, vector (&to)[parts<Storage>]) {
    if constexpr (in_pairs<Storage>)
      to[0] = Leaf::load_pairs(from);
    else if constexpr (pack<Storage> == 2)
      Leaf::widen(from, to[0], to[1]);
    else if constexpr (sizeof(Storage) == 1)
      to[0] = Leaf::widen(from);
    else
      to[0] = Leaf::load(from);
  }
  // Of a row of values; of bytes in pairs also the row after it, `next` numbers on.
  template <class Storage, int Vectors>
  TENON_INLINE static void widen_row(const Storage* from, [[maybe_unused]] index_t next, vector (&to)[Vectors][parts<Storage>]) {
    constexpr int at_once = columns_at_once / Leaf::lanes;
    [[maybe_unused]] constexpr int many = bytes_in_pairs<Storage> ? Vectors / at_once * at_once : 0;
    if constexpr (bytes_in_pairs<Storage>) {  // nvcc parses a pragma in braces alone
#pragma GCC unroll 16
      for (int v = 0; v < many; v += at_once) {
        vector pairs[at_once];
        Leaf::widen_columns(from + v * Leaf::lanes, from + next + v * Leaf::lanes, pairs);
#pragma GCC unroll 16
        for (int i = 0; i < at_once; ++i) to[v + i][0] = pairs[i];
      }
    }
#pragma GCC unroll 16
    for (int v = many; v < Vectors; ++v) {
      if constexpr (bytes_in_pairs<Storage>)
        to[v][0] = Leaf::widen_pairs(from + v * Leaf::lanes, from + next + v * Leaf::lanes);
      else
        widen<Storage>(from + pack<Storage> * v * Leaf::lanes, to[v]);
    }
  }

  // Micro tiles: Rows x Vectors, columns from c. #pragma unroll keeps the sums in registers at -O2.
  template <int Rows, int Vectors, class Storage>
  TENON_INLINE static void score_tile(float* out, const float* left, const std::byte* const* keys, int dim, int depth, int c, const score_end& end, lines_ahead& ahead) {
    ahead.take();
    constexpr int numbers = pack<Storage>, step = bytes_in_pairs<Storage> ? 4 : taken<Storage>, parts = bytes_in_pairs<Storage> ? 2 : attention_products::parts<Storage>;
    vector sum[Rows][Vectors];
    const Storage* at[Vectors];
    zero<Rows, Vectors>(sum);
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) at[v] = reinterpret_cast<const Storage*>(keys[(c + v * Leaf::lanes) / panel]) + dim * panel + numbers * ((c + v * Leaf::lanes) % panel);
    left += dim / step * parts * group_rows;
    constexpr int beside = Vectors / least, item = sizeof(Storage);  // beside: panels read side by side
    const std::byte* line = ahead.after.line(c / panel, dim * panel * item * beside);
    for (int d = 0; d < depth; d += step, left += parts * group_rows) {
      vector right[Vectors][parts];
      if (line != nullptr && d * panel * item % 64 == 0)
#pragma GCC unroll 16
        for (int p = 0; p < beside; ++p) line = lines_ahead::ask(line);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v)
        if constexpr (bytes_in_pairs<Storage>)
          Leaf::widen_rows(at[v] + d * panel, right[v]);
        else
          widen<Storage>(at[v] + d * panel, right[v]);
#pragma GCC unroll 2
      for (int i = 0; i < parts; ++i) add_products<Storage, Rows, Vectors, 1>(sum, left + i * group_rows, right, i);
    }
    if constexpr (in_pairs<Storage>)
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::multiply(sum[r][v], Leaf::fill(end.factor));
    if (end.scale != nullptr || end.onto)
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
        const vector by = end.scale == nullptr ? Leaf::fill(1) : Leaf::load(end.scale + c + v * Leaf::lanes);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) sum[r][v] = end.onto ? Leaf::fma(by, sum[r][v], Leaf::load(out + c + r * block_keys + v * Leaf::lanes)) : Leaf::multiply(by, sum[r][v]);
      }
    keep<Rows, Vectors>(sum, out + c, block_keys);
    if (end.tops == nullptr) return;
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
      for (int v = 1; v < Vectors; ++v) sum[r][0] = Leaf::highest(sum[r][0], sum[r][v]);
      Leaf::store(end.tops + r * panel, Leaf::highest(Leaf::load(end.tops + r * panel), sum[r][0]));
    }
  }
  template <int Rows, int Vectors, class Storage>
  TENON_INLINE static void weigh_tile(float* out, const float* weights, const std::byte* const* values, int width, int c, int lo, int hi, const float* fade, lines_ahead& ahead) {
    ahead.take();
    constexpr int numbers = pack<Storage>, step = taken<Storage>, item = sizeof(Storage), bytes = Vectors * Leaf::lanes * item;  // bytes: of a key's values
    vector sum[Rows][Vectors];
    take<Rows, Vectors>(sum, out + c, width);
    if (fade != nullptr)
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) sum[r][v] = Leaf::multiply(Leaf::fill(fade[r]), sum[r][v]);
    weights += lo / step * parts<Storage>;
    const bool adjacent = ahead.after.adjacent(lo / panel, (hi - lo) / panel);
    const std::byte* line = ahead.after.line(lo / panel, c * (hi - lo) * item);
    for (int first = lo; first < hi; first += panel) {
      const Storage* row = reinterpret_cast<const Storage*>(values[first / panel]) + numbers * c;
      if (!adjacent) line = ahead.after.line(first / panel, c * panel * item);
      for (int key = first; key < first + panel; key += step, row += step * width, weights += parts<Storage>) {
        vector right[Vectors][parts<Storage>];
        if (line != nullptr && (key - first) * bytes % 64 == 0)
#pragma GCC unroll 16
          for (int i = 0; i < step * bytes; i += 64) line = lines_ahead::ask(line);
        widen_row<Storage>(row, width, right);
#pragma GCC unroll 2
        for (int i = 0; i < parts<Storage>; ++i) add_products<Storage, Rows, Vectors, block_keys>(sum, weights + i, right, i);
      }
    }
    keep<Rows, Vectors>(sum, out + c, width);
  }

  // sum[r] += left[r Stride] right[.][i]
  template <class Storage, int Rows, int Vectors, int Stride, int Parts>
  TENON_INLINE static void add_products(vector (&sum)[Rows][Vectors], const float* left, const vector (&right)[Vectors][Parts], int i) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const vector a = Leaf::fill(left[r * Stride]);
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
        if constexpr (in_pairs<Storage>)
          sum[r][v] = Leaf::dot(a, right[v][i], sum[r][v]);
        else
          sum[r][v] = Leaf::fma(a, right[v][i], sum[r][v]);
      }
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
