#pragma once
// The words of a product on AMD's GPUs: MFMA on CDNA, WMMA on RDNA. A block of 256 threads computes Tokens x Rows of out, a wave a part of
// it, transposed: out^T = w x^T leaves four neighbouring rows of one token in a lane, as they are stored. A stage of the depth is on its way
// through registers while the one before it is multiplied in shared memory. Weights (weights.hpp) say how theirs come.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/amd/matrices.hpp>
#include <tenon/kernels/atoms/amd/weights.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

/// Number: what Leaf::multiply takes. StageBytes of the depth of a row are one stage. With weights of two matrices a tile has Rows / 2 rows of out.
template <class Leaf, class Number, int Tokens, int Rows, int StageBytes, class Weights>
struct matmul_words {
  static constexpr int lanes = Leaf::lanes, side = Leaf::side, threads = 256, waves = threads / lanes;
  static constexpr int block_tokens = Tokens, matrices = Weights::matrices, block_rows = Rows / matrices, depth = StageBytes / static_cast<int>(sizeof(Number));
  static constexpr int wave_tokens = Tokens / 2, wave_rows = Rows / (waves / 2), token_tiles = wave_tokens / side, row_tiles = wave_rows / side;
  using address = typename Leaf::address;
  using place = typename Leaf::place;
  using operand = typename Leaf::operand;
  using lane_sums = typename Leaf::template sums<Number>;
  using lane_totals = typename Leaf::template sums<bf16>;
  // Rows of one stage and 16 bytes more, so that neighbours begin in different banks: x, then w in the order of its lanes.
  static constexpr int row_bytes = StageBytes + 16, shared_bytes = (Tokens + Rows) * row_bytes;
  static constexpr bool promotes = sizeof(Number) == 1;  ///< whether the sums of a stage, which shares a scale of x, are added, scaled, to others in single precision
  static_assert(wave_tokens % side == 0 && wave_rows % side == 0 && StageBytes % 32 == 0 && (!promotes || depth == values_per_scale));

  using source = typename Weights::source;
  /// The order of x, where weights have one of their own.
  TENON_BOTH TENON_INLINE static constexpr int order(int chunk, int pair) { return Weights::order(chunk, pair); }

  /// One stage, in shared memory: of the depth from k on.
  struct stage {
    const source& in;
    int k;
  };

  lane_sums sums[token_tiles][row_tiles];
  lane_totals totals[promotes ? token_tiles : 1][promotes ? row_tiles : 1];  ///< of the stages that are done
  coming_rows<Leaf, Number, Tokens, StageBytes> coming_x;  // on their way to shared memory
  Weights coming_w;
  int first_token, first_row;  // of this wave, in the tile

  TENON_BOTH TENON_INLINE matmul_words() {
    const int wave = Leaf::uniform(Leaf::thread() / lanes);
    first_token = wave / (waves / 2) * wave_tokens, first_row = wave % (waves / 2) * wave_rows;
  }

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % lanes; }

  TENON_BOTH TENON_INLINE void clear() {
    TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
      TENON_UNROLL for (int n = 0; n < row_tiles; ++n) {
        sums[i][n] = lane_sums{};
        if constexpr (promotes) totals[i][n] = lane_totals{};
      }
  }

  /// Calls body(stage) for each stage of the depth.
  template <class Body>
  TENON_BOTH TENON_INLINE void stream(const source& in, Body&& body) {
    fetch(in, 0);
    for (int k = 0; k < in.deep; k += depth) {
      coming_x.put([](int row, int at, const bits128& numbers) TENON_LAMBDA { put(row, at, numbers); });
      coming_w.put([](int row, int at, const bits128& numbers) TENON_LAMBDA { put(Tokens + row / side * side + Leaf::lane_of(row % side), at, numbers); });
      Leaf::barrier();
      if (k + depth < in.deep) fetch(in, k + depth);
      body(stage{in, k});
      Leaf::barrier();  // all have read the stage, which may now be overwritten
    }
  }

  /// sums += x w^T over one stage.
  TENON_BOTH TENON_INLINE void accumulate(const stage& s) {
    float scales[promotes ? token_tiles : 1];
    if constexpr (promotes)
      TENON_UNROLL for (int i = 0; i < token_tiles; ++i) scales[i] = s.in.scales.template load<Leaf>(first_token + side * i + lane() % side, s.k);
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
    if constexpr (promotes)
      TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
        TENON_UNROLL for (int n = 0; n < row_tiles; ++n) {
          TENON_UNROLL for (int e = 0; e < lane_values; ++e) totals[i][n][e] = __builtin_fmaf(static_cast<float>(sums[i][n][e]), scales[i], totals[i][n][e]);
          sums[i][n] = lane_sums{};
        }
  }

  /// The tile's sums to their sink, whose token and row 0 are the tile's.
  template <class Sink>
  TENON_BOTH TENON_INLINE void store(const Sink& sink) const {
    if constexpr (Sink::by_rows) {
      store_rows(sink);
    } else {
      const int token = first_token + lane() % side, row = first_row / Weights::matrices + place::at(lane(), 0).row;
      TENON_UNROLL for (int n = 0; n < row_tiles / Weights::matrices; ++n)
        TENON_UNROLL for (int e = 0; e < lane_values; e += 4) {
          float bias[4];
          const int here = row + side * n + place::at(0, e).row;
          sink.bias_of(here, bias);
          TENON_UNROLL for (int i = 0; i < token_tiles; ++i) sink.store(token + side * i, here, four_of(sink, here, i, n, e), bias);
        }
    }
  }

 private:
  static constexpr int lane_values = side * side / lanes;  // of a lane, in sums [side, side]
  // Four neighbours of a token, from the tile's row `row` on.
  template <class Sink>
  TENON_BOTH TENON_INLINE bits128 four_of(const Sink& sink, int row, int i, int n, int e) const {
    bits128 four;
    TENON_UNROLL for (int j = 0; j < 4; ++j) {
      float sum = sum_of(i, n, e + j);
      if constexpr (Weights::matrices == 2) sum = sink.open(row + j, sum, sum_of(i, n + row_tiles / 2, e + j));
      four.word[j] = bit_cast<std::uint32_t>(sum);
    }
    return four;
  }
  // Through shared memory, so that 32 neighbouring lanes have a whole row of the tile: of each wave `side` tokens at a time.
  template <class Sink>
  TENON_BOTH TENON_INLINE void store_rows(const Sink& sink) const {
    constexpr int pitch = block_rows * 4 + 16;
    static_assert(block_rows == 128 && 2 * side * pitch <= shared_bytes);
    const int row = first_row / Weights::matrices + place::at(lane(), 0).row, column = Leaf::thread() % 32 * 4;
    const address to = Leaf::shared() + static_cast<address>((first_token / wave_tokens * side + lane() % side) * pitch + row * 4);
    float bias[4];
    sink.bias_of(column, bias);
    TENON_UNROLL for (int i = 0; i < token_tiles; ++i) {
      if (i > 0) Leaf::barrier();  // the rows before have been read
      TENON_UNROLL for (int n = 0; n < row_tiles / Weights::matrices; ++n)
        TENON_UNROLL for (int e = 0; e < lane_values; e += 4) {
          const int here = side * n + place::at(0, e).row;
          Leaf::store_shared(to + static_cast<address>(here * 4), four_of(sink, row + here, i, n, e));
        }
      Leaf::barrier();
      for (int at = Leaf::thread() / 32; at < 2 * side; at += threads / 32)
        sink.store(at / side * wave_tokens + i * side + at % side, column, Leaf::template load_shared<bits128>(Leaf::shared() + static_cast<address>(at * pitch + column * 4)), bias);
    }
  }
  TENON_BOTH TENON_INLINE float sum_of(int i, int n, int e) const {
    if constexpr (promotes)
      return totals[i][n][e] * Leaf::template unit<Number>;
    else
      return sums[i][n][e] * Leaf::template unit<Number>;
  }
  TENON_BOTH TENON_INLINE static void put(int row, int at, const bits128& numbers) {
    Leaf::store_shared(Leaf::shared() + static_cast<address>(row * row_bytes + at), Leaf::template enter<Number>(numbers));
  }
  TENON_BOTH TENON_INLINE static operand take(address at) {
    operand out;
    TENON_UNROLL for (int c = 0; c < Leaf::chunks; ++c) out.chunk[c] = Leaf::template load_shared<fragments::amd::chunk_words>(at + static_cast<address>(16 * c));
    return out;
  }

  TENON_BOTH TENON_INLINE void fetch(const source& in, int k) { coming_x.fetch(in.x, in.tokens, in.x_stride, k, in.deep), coming_w.fetch(in, k); }
};

}  // namespace atoms::amd
TENON_KERNELS_END
