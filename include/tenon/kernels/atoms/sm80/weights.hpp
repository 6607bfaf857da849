#pragma once
// How the weights of a product reach the matrix units of sm_80: rows, which ldmatrix loads as they are, or panels of any storage,
// which lie in shared memory as they are stored and become fragments in registers. The two differ in which of the depth an operand's slot
// means: x lies in the order that the weights say.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>
#include <tenon/kernels/shared/device_panel.hpp>
#include <tenon/kernels/shared/quantised.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

/// Rows [row, depth] of Number in the order of the depth, which may end anywhere; of one matrix or of two, a gate's and that which it opens: half of a warp's
/// rows are then of each.
template <class Leaf, int Rows, int Threads, class Number = bf16, int Matrices = 1>
struct row_weights {
  using number = Number;
  static constexpr int matrices = Matrices, depth = 128 / static_cast<int>(sizeof(number)), row_tiles = Rows / 2 / 16;
  static constexpr bool ragged = true, panels = false;
  using tile = shared_tile<Leaf, 64>;
  using address = typename Leaf::address;
  using copier = typename tile::template copier<Rows, Threads>;
  static constexpr address stage_bytes = Rows * tile::row_bytes;

  /// The operands: x from the tile's first token, w from its first row, of which `tokens` and `rows` exist. Rows of both are aligned
  /// to 16 bytes, the last one may end anywhere.
  struct source {
    const number *x, *w[Matrices];
    index_t x_stride, w_stride;
    int tokens, rows, deep;
    token_scales scales;  ///< of numbers of 8 bits
  };

  typename tile::lane_rows at;
  copier copy;
  std::uint32_t from[copier::steps];  // bytes from the tile's first row to this thread's chunks
  std::uint32_t b[2][row_tiles][4];   // of one step, and of the next

  TENON_BOTH TENON_INLINE row_weights(address first, int first_row, int lane)
      : at(first + static_cast<address>(first_row * tile::row_bytes), lane, tile::order::chunks_first), copy(Leaf::thread()) {}

  /// A row past the last is read as the last: what comes of it is not stored.
  TENON_BOTH TENON_INLINE void begin(const source& in) {
    TENON_UNROLL for (int i = 0; i < copier::steps; ++i) {
      int row = copy.row + i * copier::rows_at_once;
      if constexpr (Matrices == 2) row = row / of_warp * (of_warp / 2) + row % (of_warp / 2);
      from[i] = static_cast<std::uint32_t>((row < in.rows ? row : in.rows - 1) * in.w_stride * static_cast<int>(sizeof(number)) + copy.column * 2);
    }
  }
  /// Starts the copy of a stage from depth `k` on, of which the first `bytes` of each of this thread's chunks exist.
  TENON_BOTH TENON_INLINE void start(const source& in, address stage, int k, int bytes) const {
    const char* w[Matrices];
    TENON_UNROLL for (int m = 0; m < Matrices; ++m) w[m] = reinterpret_cast<const char*>(in.w[m] + k);
    if (bytes == 16) {
      TENON_UNROLL for (int i = 0; i < copier::steps; ++i) Leaf::copy_16(stage + copy.to + copier::place(i), w[matrix_of(i)] + from[i]);
    } else {
      TENON_UNROLL for (int i = 0; i < copier::steps; ++i) Leaf::copy_16(stage + copy.to + copier::place(i), w[matrix_of(i)] + from[i], bytes);
    }
  }
  TENON_BOTH TENON_INLINE void load(address stage, int step) {
    TENON_UNROLL for (int n = 0; n < row_tiles; ++n) Leaf::load_matrices(b[step % 2][n], at(16 * n, step) + stage);
  }
  /// Two right operands beside each other: rows 0 to 7 and 8 to 15 of the n-th 16.
  TENON_BOTH TENON_INLINE void operand(int step, int n, std::uint32_t (&to)[4]) const {
    TENON_UNROLL for (int e = 0; e < 4; ++e) to[e] = b[step % 2][n][e];
  }

 private:
  static constexpr int of_warp = Rows / 2;
  static_assert(Matrices == 1 || of_warp / 2 % copier::rows_at_once == 0);
  // Of the rows of a copy, which are of one matrix.
  static constexpr TENON_BOTH int matrix_of(int copy) { return Matrices == 1 ? 0 : copy * copier::rows_at_once % of_warp / (of_warp / 2); }
};

/// Panels of Format, of one matrix or of two, a gate's and that which it opens: a warp then has rows of both. Of every 32 of the depth lane c of
/// a row takes octet c, four values to a step: slots 2 c, 2 c + 1, 2 c + 8 and 2 c + 9 of step h are values 4 h to 4 h + 3 of it. The
/// two operands of a panel are its even rows and its odd ones.
template <class Leaf, int Rows, int Threads, class Format, int Matrices>
struct panel_weights {
  using format = device_panel<Format>;
  using number = bf16;
  using address = typename Leaf::address;
  static constexpr int matrices = Matrices, depth = 64, row_tiles = Rows / 2 / 16, all_panels = Rows / 16;
  static constexpr bool ragged = false, panels = true;
  static constexpr int panel_bytes = format::header_bytes + format::part_bytes;  ///< of a stage
  static constexpr address stage_bytes = all_panels * panel_bytes;
  static_assert(Matrices == 1 || row_tiles % 2 == 0);

  /// The operands: x from the tile's first token, `tokens` of which exist, in whole stages; w from the tile's first panel, of which `panels`
  /// exist, `pitch` bytes apart.
  struct source {
    const bf16* x;
    const std::byte* w[Matrices];
    index_t x_stride, pitch;
    int tokens, panels, deep;
  };
  /// The order in which x lies: the place of pair `pair` of 16-byte chunk `chunk` of 32 values is this of them.
  TENON_BOTH TENON_INLINE static constexpr int order(int chunk, int pair) { return 8 * pair + 2 * chunk; }

  address first;  // of the stages, of this warp
  address line;   // where a lane's two rows lie in the line of its octet
  int lane_row, lane_octet;
  std::uint32_t quanta[2][row_tiles][format::words][2], high[2][row_tiles][2];  // of two rows: of the steps, or pairs of steps, at hand and next
  typename format::template stored_factors<2> factors[2][row_tiles];

  TENON_BOTH TENON_INLINE panel_weights(address of_stages, int first_row, int lane)
      : first(of_stages + static_cast<address>(first_row / 16 * panel_bytes + format::header_bytes)),
        line(static_cast<address>(lane % 4 * 64 + (lane / 4 * 8 ^ lane / 2 % 2 * 32))), lane_row(lane / 4 * 2), lane_octet(lane % 4) {}

  TENON_BOTH TENON_INLINE void begin(const source&) const {}
  /// Starts the copy of depth `k` to k + 63. A panel past the last is read as the last.
  TENON_BOTH TENON_INLINE void start(const source& in, address stage, int k, int) const {
    constexpr int chunks = panel_bytes / 16, header = format::header_bytes / 16;
    // Eight chunks that are stored at once are of one panel; what is left over of all panels comes last.
    constexpr int left = chunks % 8, whole = chunks - left, all_whole = all_panels * whole, all = all_panels * chunks;
    const int part = k / depth, thread = Leaf::thread();
    const index_t slab = index_t{part / format::parts} * Format::bytes, of_part = part % format::parts * format::part_bytes;
    TENON_UNROLL for (int i = 0; i < (all + Threads - 1) / Threads; ++i) {
      const int mine = thread + i * Threads;
      if (all % Threads != 0 && mine >= all) break;
      int panel = mine / whole, chunk = mine % whole;
      if constexpr (left > 0)
        if (mine >= all_whole) panel = (mine - all_whole) / left, chunk = whole + (mine - all_whole) % left;
      int of_matrix = panel;
      const std::byte* w = in.w[0];
      if constexpr (Matrices == 2) {
        of_matrix = panel / row_tiles * (row_tiles / 2) + panel % (row_tiles / 2);
        if (panel % row_tiles >= row_tiles / 2) w = in.w[1];
      }
      const index_t offset = (of_matrix < in.panels ? of_matrix : in.panels - 1) * in.pitch + slab + (chunk < header ? index_t{0} : of_part) + 16 * chunk;
      Leaf::copy_16(stage + static_cast<address>(panel * panel_bytes + format::header_bytes) + place(chunk - header), w + offset);
    }
  }
  /// Loads what a step needs and did not share with the one before it.
  TENON_BOTH TENON_INLINE void load(address stage, int step) {
    const int octet = step / 2 * 4 + lane_octet, pair = step / 2 % 2;
    TENON_UNROLL for (int n = 0; n < row_tiles; ++n) {
      const reader part{first + stage + static_cast<address>(n * panel_bytes)}, header{part.at - format::header_bytes};
      if constexpr (format::words > 1) {
        TENON_UNROLL for (int i = step % 2 * (format::words / 2); i < (step % 2 + 1) * (format::words / 2); ++i) take(part, i, step, quanta[step % 2][n][i]);
      } else if (step % 2 == 0) {
        take(part, 0, step, quanta[pair][n][0]);
      }
      if (step % 2 != 0) continue;
      if constexpr (format::six) {
        const bits64 both = part.template load<bits64>(format::lines * 64 + octet / 2 * 64 + lane_row * 4);
        high[pair][n][0] = both.word[0], high[pair][n][1] = both.word[1];
      }
      factors[pair][n].load(part, header, lane_row, octet);
    }
  }
  TENON_BOTH TENON_INLINE void operand(int step, int n, std::uint32_t (&to)[4]) const {
    if (step % 2 == 0)
      convert<0>(step, n, to);
    else
      convert<1>(step, n, to);
  }

 private:
  struct reader {
    address at;
    template <class T>
    TENON_BOTH TENON_INLINE T load(int offset) const {
      return Leaf::template load_shared<T>(at + static_cast<address>(offset));
    }
  };
  // Where a chunk of 16 bytes lies in shared memory, from the first line: lines of one word of all octets together, permuted so that copies of
  // eight chunks, and the lanes of a warp, which ask for four lines, meet all banks. The header before the lines and what follows them stay in order.
  TENON_BOTH TENON_INLINE static address place(int chunk) {
    const int of_line = chunk / 4, octet = of_line / format::words, word = of_line % format::words;
    const bool quanta_line = chunk >= 0 && of_line < format::lines;
    const int permuted = (word * format::octets + (octet ^ word % 2)) * 4 + (chunk % 4 ^ octet / 2 % 2 * 2);
    return static_cast<address>((quanta_line ? permuted : chunk) * 16);
  }
  TENON_BOTH TENON_INLINE void take(const reader& part, int word, int step, std::uint32_t (&to)[2]) const {
    const bits64 both = part.template load<bits64>(word * format::octets * 64 + step / 2 * 256 + static_cast<int>(line ^ static_cast<address>(word % 2 * 64)));
    to[0] = both.word[0], to[1] = both.word[1];
  }
  template <int Half>
  TENON_BOTH TENON_INLINE void convert(int step, int n, std::uint32_t (&to)[4]) const {
    const int pair = step / 2 % 2, at = format::words > 1 ? Half : pair;
    TENON_UNROLL for (int r = 0; r < 2; ++r) {
      std::uint32_t of_row[format::words], out[2];
      TENON_UNROLL for (int i = 0; i < format::words; ++i) of_row[i] = quanta[at][n][i][r];
      format::template pairs<Leaf, Half>(of_row, format::six ? high[pair][n][r] >> (lane_octet % 2 * 4) : 0u, factors[pair][n].template of<Leaf>(r), out);
      to[2 * r] = out[0], to[2 * r + 1] = out[1];
    }
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
