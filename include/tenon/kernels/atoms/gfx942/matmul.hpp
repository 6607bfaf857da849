#pragma once
// The words of a product on AMD's gfx942. A block of four waves computes Tokens x Rows of out, a wave a quarter of it, transposed: out^T =
// w x^T leaves four neighbouring rows of one token in a lane, as they are stored. A stage of the depth is on its way through registers
// while the one before it is multiplied in shared memory.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/gfx942/fragments.hpp>
#include <tenon/kernels/atoms/gfx942/leaf.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN
namespace atoms::gfx942 {

template <class Leaf, int Tokens, int Rows, int Depth>
struct matmul_words {
  static constexpr int threads = 256, block_tokens = Tokens, block_rows = Rows, depth = Depth;
  static constexpr int token_tiles = Tokens / 2 / 32, row_tiles = Rows / 2 / 32;  ///< of 32, in the quarter of a wave
  using address = typename Leaf::address;
  using place = fragments::gfx942::mfma_32_d;
  // Rows of Depth numbers and 16 bytes more, so that neighbours begin in different banks: x, then w.
  static constexpr int row_bytes = Depth * 2 + 16, shared_bytes = (Tokens + Rows) * row_bytes;
  static constexpr int chunks = Depth / 8, rows_at_once = threads / chunks, x_steps = Tokens / rows_at_once, w_steps = Rows / rows_at_once;
  static_assert(Tokens % 64 == 0 && Rows % 64 == 0 && Depth % 16 == 0 && Tokens % rows_at_once == 0 && Rows % rows_at_once == 0);

  /// The operands: x from the tile's first token, w from its first row, of which `tokens` and `rows` exist. Rows of both are aligned
  /// to 16 bytes and padded to whole 16 bytes, with anything.
  struct source {
    const bf16 *x, *w;
    index_t x_stride, w_stride;
    int tokens, rows, deep;
  };
  /// One stage, in shared memory.
  struct stage {};

  floats16 sums[token_tiles][row_tiles];
  bits128 coming_x[x_steps], coming_w[w_steps];  // on their way to shared memory
  int first_token, first_row;                    // of this wave, in the tile

  TENON_BOTH TENON_INLINE matmul_words()
      : first_token(Leaf::uniform(Leaf::thread() / 128) * (Tokens / 2)), first_row(Leaf::uniform(Leaf::thread() / 64 % 2) * (Rows / 2)) {}

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 64; }

  TENON_BOTH TENON_INLINE void clear() {
    TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
      TENON_UNROLL for (int n = 0; n < row_tiles; ++n) sums[i][n] = floats16{};
  }

  /// Calls body(stage) for each Depth of the depth.
  template <class Body>
  TENON_BOTH TENON_INLINE void stream(const source& in, Body&& body) {
    fetch(in, 0);
    for (int k = 0; k < in.deep; k += Depth) {
      const int row = Leaf::thread() / chunks, at = Leaf::thread() % chunks * 16;
      TENON_UNROLL for (int i = 0; i < x_steps; ++i) Leaf::store_shared(Leaf::shared() + static_cast<address>((row + i * rows_at_once) * row_bytes + at), coming_x[i]);
      TENON_UNROLL for (int i = 0; i < w_steps; ++i)
        Leaf::store_shared(Leaf::shared() + static_cast<address>((Tokens + row + i * rows_at_once) * row_bytes + at), coming_w[i]);
      Leaf::barrier();
      if (k + Depth < in.deep) fetch(in, k + Depth);
      body(stage{});
      Leaf::barrier();  // all have read the stage, which may now be overwritten
    }
  }

  /// sums += x w^T over one stage.
  TENON_BOTH TENON_INLINE void accumulate(const stage&) {
    const address of_lane = Leaf::shared() + static_cast<address>(lane() % 32 * row_bytes + lane() / 32 * 16);
    const address x_at = of_lane + static_cast<address>(first_token * row_bytes), w_at = of_lane + static_cast<address>((Tokens + first_row) * row_bytes);
    TENON_UNROLL for (int step = 0; step < Depth / 16; ++step) {
      // 8 of the depth of a row of each: the order in which they are summed is the same for both, so it may be any.
      bits128 x[token_tiles], w[row_tiles];
      TENON_UNROLL for (int i = 0; i < token_tiles; ++i) x[i] = Leaf::template load_shared<bits128>(x_at + static_cast<address>(32 * i * row_bytes + 32 * step));
      TENON_UNROLL for (int n = 0; n < row_tiles; ++n) w[n] = Leaf::template load_shared<bits128>(w_at + static_cast<address>(32 * n * row_bytes + 32 * step));
      TENON_UNROLL for (int half = 0; half < 4; half += 2)
        TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
          TENON_UNROLL for (int n = 0; n < row_tiles; ++n)
            Leaf::mfma(sums[i][n], bits64{{w[n].word[half], w[n].word[half + 1]}}, bits64{{x[i].word[half], x[i].word[half + 1]}});
    }
  }

  /// The tile's sums to their sink, whose token and row 0 are the tile's.
  template <class Sink>
  TENON_BOTH TENON_INLINE void store(const Sink& sink) const {
    const int token = first_token + lane() % 32, row = first_row + place::at(lane(), 0).row;
    TENON_UNROLL for (int n = 0; n < row_tiles; ++n)
      TENON_UNROLL for (int e = 0; e < 16; e += 4) {
        float bias[4];
        const int here = row + 32 * n + e / 4 * 8;
        sink.bias_of(here, bias);
        TENON_UNROLL for (int i = 0; i < token_tiles; ++i) {
          bits128 four;
          TENON_UNROLL for (int j = 0; j < 4; ++j) four.word[j] = bit_cast<std::uint32_t>(static_cast<float>(sums[i][n][e + j]));
          sink.store(token + 32 * i, here, four, bias);
        }
      }
  }

 private:
  // A row past the last is read as the last: what comes of it is not stored. Zeros past the end of the depth.
  TENON_BOTH TENON_INLINE static bits128 take(const bf16* first, int row, int count, index_t stride, int column, int deep) {
    bits128 out{};
    if (column >= deep) return out;
    out = Leaf::load(reinterpret_cast<const bits128*>(first + (row < count ? row : count - 1) * stride + column));
    for (int i = 0; i < 4; ++i) {
      if (column + 2 * i >= deep) out.word[i] = 0;
      if (column + 2 * i + 1 == deep) out.word[i] &= 0xffffu;
    }
    return out;
  }
  TENON_BOTH TENON_INLINE void fetch(const source& in, int k) {
    const int row = Leaf::thread() / chunks, column = k + Leaf::thread() % chunks * 8;
    if (k + Depth <= in.deep) {
      TENON_UNROLL for (int i = 0; i < x_steps; ++i) coming_x[i] = take(in.x, row + i * rows_at_once, in.tokens, in.x_stride, column);
      TENON_UNROLL for (int i = 0; i < w_steps; ++i) coming_w[i] = take(in.w, row + i * rows_at_once, in.rows, in.w_stride, column);
    } else {
      TENON_UNROLL for (int i = 0; i < x_steps; ++i) coming_x[i] = take(in.x, row + i * rows_at_once, in.tokens, in.x_stride, column, in.deep);
      TENON_UNROLL for (int i = 0; i < w_steps; ++i) coming_w[i] = take(in.w, row + i * rows_at_once, in.rows, in.w_stride, column, in.deep);
    }
  }
  TENON_BOTH TENON_INLINE static bits128 take(const bf16* first, int row, int count, index_t stride, int column) {
    return Leaf::load(reinterpret_cast<const bits128*>(first + (row < count ? row : count - 1) * stride + column));
  }
};

}  // namespace atoms::gfx942
TENON_KERNELS_END
