#pragma once
// The words of a product on AMD's GPUs: MFMA on CDNA, WMMA on RDNA. A block of 256 threads computes Tokens x Rows of out, a wave a part of
// it, transposed: out^T = w x^T leaves four neighbouring rows of one token in a lane, as they are stored. A stage of the depth is on its way
// through registers while the one before it is multiplied in shared memory.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/amd/matrices.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

/// Number: what x and w hold, as Leaf::multiply has it. StageBytes of the depth of a row are one stage.
template <class Leaf, class Number, int Tokens, int Rows, int StageBytes>
struct matmul_words {
  static constexpr int lanes = Leaf::lanes, side = Leaf::side, threads = 256, waves = threads / lanes;
  static constexpr int block_tokens = Tokens, block_rows = Rows, depth = StageBytes / static_cast<int>(sizeof(Number));
  static constexpr int wave_tokens = Tokens / 2, wave_rows = Rows / (waves / 2), token_tiles = wave_tokens / side, row_tiles = wave_rows / side;
  using address = typename Leaf::address;
  using place = typename Leaf::place;
  using operand = typename Leaf::operand;
  using lane_sums = typename Leaf::template sums<Number>;
  // Rows of one stage and 16 bytes more, so that neighbours begin in different banks: x, then w in the order of its lanes.
  static constexpr int row_bytes = StageBytes + 16, shared_bytes = (Tokens + Rows) * row_bytes;
  static constexpr int chunk = 16 / static_cast<int>(sizeof(Number)), chunks = StageBytes / 16;  ///< numbers that are copied at once; of a row
  static constexpr int rows_at_once = threads / chunks, x_steps = Tokens / rows_at_once, w_steps = Rows / rows_at_once;
  static_assert(wave_tokens % side == 0 && wave_rows % side == 0 && StageBytes % 32 == 0 && Tokens % rows_at_once == 0 && Rows % rows_at_once == 0);

  /// The operands: x from the tile's first token, w from its first row, of which `tokens` and `rows` exist. Rows of both are aligned
  /// to 16 bytes and padded to whole 16 bytes, with anything.
  struct source {
    const Number *x, *w;
    index_t x_stride, w_stride;
    int tokens, rows, deep;
  };
  /// One stage, in shared memory.
  struct stage {};

  lane_sums sums[token_tiles][row_tiles];
  bits128 coming_x[x_steps], coming_w[w_steps];  // on their way to shared memory
  int first_token, first_row;                    // of this wave, in the tile

  TENON_BOTH TENON_INLINE matmul_words() {
    const int wave = Leaf::uniform(Leaf::thread() / lanes);
    first_token = wave / (waves / 2) * wave_tokens, first_row = wave % (waves / 2) * wave_rows;
  }

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % lanes; }

  TENON_BOTH TENON_INLINE void clear() {
    TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
      TENON_UNROLL for (int n = 0; n < row_tiles; ++n) sums[i][n] = lane_sums{};
  }

  /// Calls body(stage) for each stage of the depth.
  template <class Body>
  TENON_BOTH TENON_INLINE void stream(const source& in, Body&& body) {
    fetch(in, 0);
    for (int k = 0; k < in.deep; k += depth) {
      const int row = Leaf::thread() / chunks, at = Leaf::thread() % chunks * 16;
      TENON_UNROLL for (int i = 0; i < x_steps; ++i) put(row + i * rows_at_once, at, coming_x[i]);
      TENON_UNROLL for (int i = 0; i < w_steps; ++i) {
        const int of_w = row + i * rows_at_once;
        put(Tokens + of_w / side * side + Leaf::lane_of(of_w % side), at, coming_w[i]);
      }
      Leaf::barrier();
      if (k + depth < in.deep) fetch(in, k + depth);
      body(stage{});
      Leaf::barrier();  // all have read the stage, which may now be overwritten
    }
  }

  /// sums += x w^T over one stage.
  TENON_BOTH TENON_INLINE void accumulate(const stage&) {
    const int first_chunk = Leaf::chunks == 1 ? lane() / side : 0;
    const address of_lane = Leaf::shared() + static_cast<address>(lane() % side * row_bytes + first_chunk * 16);
    const address x_at = of_lane + static_cast<address>(first_token * row_bytes), w_at = of_lane + static_cast<address>((Tokens + first_row) * row_bytes);
    TENON_UNROLL for (int step = 0; step < StageBytes / 32; ++step) {
      // The order in which the depth of a step is summed is the same for both, so it may be any.
      operand x[token_tiles], w[row_tiles];
      TENON_UNROLL for (int i = 0; i < token_tiles; ++i) x[i] = take(x_at + static_cast<address>(side * i * row_bytes + 32 * step));
      TENON_UNROLL for (int n = 0; n < row_tiles; ++n) w[n] = take(w_at + static_cast<address>(side * n * row_bytes + 32 * step));
      TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
        TENON_UNROLL for (int n = 0; n < row_tiles; ++n) Leaf::template multiply<Number>(sums[i][n], w[n], x[i]);
    }
  }

  /// The tile's sums to their sink, whose token and row 0 are the tile's.
  template <class Sink>
  TENON_BOTH TENON_INLINE void store(const Sink& sink) const {
    const int token = first_token + lane() % side, row = first_row + place::at(lane(), 0).row;
    TENON_UNROLL for (int n = 0; n < row_tiles; ++n)
      TENON_UNROLL for (int e = 0; e < side * side / lanes; e += 4) {
        float bias[4];
        const int here = row + side * n + place::at(0, e).row;
        sink.bias_of(here, bias);
        TENON_UNROLL for (int i = 0; i < token_tiles; ++i) {
          bits128 four;
          TENON_UNROLL for (int j = 0; j < 4; ++j) four.word[j] = bit_cast<std::uint32_t>(static_cast<float>(sums[i][n][e + j]) * Leaf::template unit<Number>);
          sink.store(token + side * i, here, four, bias);
        }
      }
  }

 private:
  TENON_BOTH TENON_INLINE static void put(int row, int at, const bits128& numbers) {
    Leaf::store_shared(Leaf::shared() + static_cast<address>(row * row_bytes + at), Leaf::template enter<Number>(numbers));
  }
  TENON_BOTH TENON_INLINE static operand take(address at) {
    operand out;
    TENON_UNROLL for (int c = 0; c < Leaf::chunks; ++c) out.chunk[c] = Leaf::template load_shared<bits128>(at + static_cast<address>(16 * c));
    return out;
  }

  TENON_BOTH TENON_INLINE void fetch(const source& in, int k) {
    const int row = Leaf::thread() / chunks, column = k + Leaf::thread() % chunks * chunk;
    if (k + depth <= in.deep) {
      TENON_UNROLL for (int i = 0; i < x_steps; ++i) coming_x[i] = take(in.x, row + i * rows_at_once, in.tokens, in.x_stride, column);
      TENON_UNROLL for (int i = 0; i < w_steps; ++i) coming_w[i] = take(in.w, row + i * rows_at_once, in.rows, in.w_stride, column);
    } else {
      TENON_UNROLL for (int i = 0; i < x_steps; ++i) coming_x[i] = take(in.x, row + i * rows_at_once, in.tokens, in.x_stride, column, in.deep);
      TENON_UNROLL for (int i = 0; i < w_steps; ++i) coming_w[i] = take(in.w, row + i * rows_at_once, in.rows, in.w_stride, column, in.deep);
    }
  }
  // A row past the last is read as the last: what comes of it is not stored.
  TENON_BOTH TENON_INLINE static bits128 take(const Number* first, int row, int count, index_t stride, int column) {
    return Leaf::load(reinterpret_cast<const bits128*>(first + (row < count ? row : count - 1) * stride + column));
  }
  // The same with zeros past the end of the depth.
  TENON_BOTH TENON_INLINE static bits128 take(const Number* first, int row, int count, index_t stride, int column, int deep) {
    const int left = (deep - column) * static_cast<int>(sizeof(Number));  // bytes
    if (left <= 0) return {};
    bits128 out = take(first, row, count, stride, column);
    TENON_UNROLL for (int i = 0; i < 4; ++i) out.word[i] &= left >= 4 * i + 4 ? ~0u : left <= 4 * i ? 0u : (1u << (left - 4 * i) * 8) - 1;
    return out;
  }
};

}  // namespace atoms::amd
TENON_KERNELS_END
