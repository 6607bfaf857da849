#pragma once
// How the operands of a product reach shared memory on AMD's GPUs: through the registers of the block's 256 threads, where weights that are
// stored as integers become bf16, once for all waves that will read them.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/lane_weights.hpp>
#include <tenon/kernels/shared/quantised.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

/// Rows of one stage, StageBytes of each, in this thread's registers.
template <class Leaf, class Number, int Rows, int StageBytes>
struct coming_rows {
  static constexpr int chunk = 16 / static_cast<int>(sizeof(Number)), chunks = StageBytes / 16;  ///< numbers that are copied at once; of a row
  static constexpr int rows_at_once = 256 / chunks, steps = Rows / rows_at_once;
  static_assert(Rows % rows_at_once == 0);
  bits128 numbers[steps];

  /// A row past the last is read as the last: what comes of it is not stored. Zeros past the end of the depth.
  TENON_BOTH TENON_INLINE void fetch(const Number* first, int count, index_t stride, int k, int deep) {
    fetch([&](int row) TENON_LAMBDA { return first + (row < count ? row : count - 1) * stride; }, k, deep);
  }
  /// row_at(row): where it begins.
  template <class RowAt>
  TENON_BOTH TENON_INLINE void fetch(const RowAt& row_at, int k, int deep) {
    const int row = Leaf::thread() / chunks, column = k + Leaf::thread() % chunks * chunk;
    if (k + chunks * chunk <= deep) {
      TENON_UNROLL for (int i = 0; i < steps; ++i) numbers[i] = take(row_at(row + i * rows_at_once) + column);
    } else {
      TENON_UNROLL for (int i = 0; i < steps; ++i) numbers[i] = take(row_at(row + i * rows_at_once), column, deep);
    }
  }
  /// Calls f(row, byte of the stage, numbers) for all that this thread has.
  template <class F>
  TENON_BOTH TENON_INLINE void put(const F& f) const {
    const int row = Leaf::thread() / chunks, at = Leaf::thread() % chunks * 16;
    TENON_UNROLL for (int i = 0; i < steps; ++i) f(row + i * rows_at_once, at, numbers[i]);
  }

 private:
  TENON_BOTH TENON_INLINE static bits128 take(const Number* from) { return Leaf::load(reinterpret_cast<const bits128*>(from)); }
  TENON_BOTH TENON_INLINE static bits128 take(const Number* row, int column, int deep) {
    const int left = (deep - column) * static_cast<int>(sizeof(Number));  // bytes
    if (left <= 0) return {};
    bits128 out = take(row + column);
    TENON_UNROLL for (int i = 0; i < 4; ++i) out.word[i] &= left >= 4 * i + 4 ? ~0u : left <= 4 * i ? 0u : (1u << (left - 4 * i) * 8) - 1;
    return out;
  }
};

/// Weights that are rows of Numbers, of one matrix or of two, a gate's and that which it opens: half of a wave's rows are of each.
template <class Leaf, class Number, int Rows, int StageBytes, int Matrices = 1>
struct row_weights {
  static constexpr int matrices = Matrices;
  /// The operands: x from the tile's first token, w from its first row, of which `tokens` and `rows` exist. Rows of both are aligned
  /// to 16 bytes and padded to whole 16 bytes, with anything.
  struct source {
    const Number *x, *w[Matrices];
    index_t x_stride, w_stride;
    int tokens, rows, deep;
    token_scales scales;  ///< of numbers of 8 bits
  };
  coming_rows<Leaf, Number, Rows, StageBytes> coming;

  TENON_BOTH TENON_INLINE void fetch(const source& in, int k) {
    if constexpr (Matrices == 1) {
      coming.fetch(in.w[0], in.rows, in.w_stride, k, in.deep);
    } else {
      constexpr int of_wave = Rows / (256 / Leaf::lanes / 2), of_matrix = of_wave / Matrices;
      coming.fetch(
          [&](int row) TENON_LAMBDA {
            const int here = row / of_wave * of_matrix + row % of_matrix;
            return (row % of_wave >= of_matrix ? in.w[1] : in.w[0]) + (here < in.rows ? here : in.rows - 1) * in.w_stride;
          },
          k, in.deep);
    }
  }
  template <class F>
  TENON_BOTH TENON_INLINE void put(const F& f) const {
    coming.put(f);
  }
};

/// Panels of Format, of one matrix or of two, a gate's and that which it opens: half of a wave's rows are of each.
template <class Leaf, int Rows, class Format, int Matrices>
struct panel_weights {
  static constexpr int matrices = Matrices, cells = Rows / 128;  ///< of four rows and eight of the depth, in one thread
  static_assert(Rows % 128 == 0);
  /// The operands: x from the tile's first token, `tokens` of which exist, in whole stages of 64; w from the tile's first panel, of which
  /// `panels` exist, `pitch` bytes apart.
  struct source {
    const bf16* x;
    const std::byte* w[Matrices];
    index_t x_stride, pitch;
    int tokens, panels, deep;
  };
  /// x lies in its own order: the place of pair `pair` of 16-byte chunk `chunk` of 32 values is this of them.
  TENON_BOTH TENON_INLINE static constexpr int order(int chunk, int pair) { return 8 * chunk + 2 * pair; }

  lane_weights<Leaf, Format> coming[cells];

  /// A panel past the last is read as the last.
  TENON_BOTH TENON_INLINE void fetch(const source& in, int k) {
    constexpr int of_wave = Rows / (256 / Leaf::lanes / 2) / 16, of_matrix = of_wave / Matrices;
    static_assert(of_wave % Matrices == 0);
    TENON_UNROLL for (int i = 0; i < cells; ++i) {
      int panel = Leaf::thread() / 32 + 8 * i;
      const std::byte* w = in.w[0];
      if constexpr (Matrices == 2) {
        if (panel % of_wave >= of_matrix) w = in.w[1];
        panel = panel / of_wave * of_matrix + panel % of_matrix;
      }
      coming[i].load(w + (panel < in.panels ? panel : in.panels - 1) * in.pitch, in.pitch, k / 64, Leaf::thread() % 8, Leaf::thread() / 8 % 4, 0, 0);
    }
  }
  template <class F>
  TENON_BOTH TENON_INLINE void put(const F& f) const {
    const int octet = Leaf::thread() % 8;
    TENON_UNROLL for (int i = 0; i < cells; ++i)
      TENON_UNROLL for (int r = 0; r < 4; ++r) {
        float low[4], high[4];
        coming[i].numbers(r, octet, low, high);
        f((Leaf::thread() / 32 + 8 * i) * 16 + Leaf::thread() / 8 % 4 * 4 + r, octet * 16,
          bits128{{Leaf::pack_bf16(low[0], low[1]), Leaf::pack_bf16(low[2], low[3]), Leaf::pack_bf16(high[0], high[1]), Leaf::pack_bf16(high[2], high[3])}});
      }
  }
};

}  // namespace atoms::amd
TENON_KERNELS_END
