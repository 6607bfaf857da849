#pragma once
// The words of a product on NVIDIA GPUs from sm_80 on. A block computes Tokens x Rows of out, a warp a quarter of it in registers. Stages of
// 128 bytes of each row arrive in shared memory `Stages` - 1 ahead; fragments are loaded one step of 32 bytes ahead of their products, also across
// the boundary of two stages, so that the matrix units do not wait behind a barrier. Weights (weights.hpp) say how theirs lie.
//
// A stage of numbers of 8 bits is what shares a scale of x: its sums are added, scaled, to others in single precision. The units of Ada keep some 13 bits of
// the fraction of sums of e4m3 (DeepSeek-V3, arXiv 2412.19437, 3.3.2): no more than 128 of the depth are added in them.

#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/sm80/fragments.hpp>
#include <tenon/kernels/atoms/sm80/weights.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/matrix_number.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

/// With weights of two matrices a tile has Rows / 2 rows of out.
template <class Leaf, int Tokens, int Rows, int Stages, class Weights>
struct matmul_words {
  static constexpr int threads = 128, block_tokens = Tokens, matrices = Weights::matrices, block_rows = Rows / matrices;
  using number = typename Weights::number;
  static constexpr int depth = Weights::depth, steps = 4;  ///< of a stage: 128 bytes of every row, 32 to a step
  static constexpr int token_tiles = Tokens / 2 / 16, row_tiles = Rows / 2 / 16;  ///< of 16, in the quarter of a warp
  static constexpr bool promotes = sizeof(number) == 1;
  static_assert(Tokens % 32 == 0 && Rows % 32 == 0 && Stages >= 2 && (!promotes || depth == values_per_scale));
  using tile = shared_tile<Leaf, 64>;  // by 16 bits, whatever the numbers are
  using address = typename Leaf::address;
  using place = fragments::sm80::mma_d;
  using x_copier = typename tile::template copier<Tokens, threads>;
  static constexpr address x_bytes = Tokens * tile::row_bytes, stage_bytes = x_bytes + Weights::stage_bytes;
  static constexpr address stages_bytes = Stages * stage_bytes, sums_bytes = static_cast<address>(Tokens * block_rows * 4);
  static constexpr int shared_bytes = static_cast<int>(stages_bytes > sums_bytes ? stages_bytes : sums_bytes);

  using source = typename Weights::source;
  /// The order of x, where weights have one of their own.
  TENON_BOTH TENON_INLINE static constexpr int order(int chunk, int pair) { return Weights::order(chunk, pair); }

  /// One stage in shared memory; the next one is at `next`.
  struct stage {
    address at, next;
    int k;  ///< where in the depth it begins
    bool last;
  };

  sum_of<number> sums[token_tiles][2 * row_tiles][4];
  float totals[promotes ? token_tiles : 1][2 * row_tiles][4];  ///< of the stages that are done, where they are added up outside the units
  std::uint32_t a[2][token_tiles][4];  // of one step, and of the next
  int first_token, first_row;          // of this warp, in the tile
  typename tile::lane_rows x_at;
  Weights w;
  source in;
  std::uint32_t x_from[x_copier::steps];  // bytes from the tile's first token to this thread's chunks
  x_copier copy;
  int started;

  TENON_BOTH TENON_INLINE matmul_words()
      : first_token(Leaf::uniform(Leaf::thread() / 64) * (Tokens / 2)),
        first_row(Leaf::uniform(Leaf::thread() / 32 % 2) * (Rows / 2)),
        x_at(Leaf::shared() + static_cast<address>(first_token * tile::row_bytes), lane(), tile::order::rows_first),
        w(Leaf::shared() + x_bytes, first_row, lane()),
        copy(Leaf::thread()) {}

  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }

  TENON_BOTH TENON_INLINE void clear() {
    TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
      TENON_UNROLL for (int n = 0; n < 2 * row_tiles; ++n)
        TENON_UNROLL for (int e = 0; e < 4; ++e) sums[i][n][e] = none, totals[promotes ? i : 0][n][e] = 0;
  }

  /// Calls body(stage) for each `depth`; the first fragments of a stage are loaded when it begins.
  template <class Body>
  TENON_BOTH TENON_INLINE void stream(const source& from, Body&& body) {
    in = from, started = 0;
    TENON_UNROLL for (int i = 0; i < x_copier::steps; ++i) {
      const int token = copy.row + i * x_copier::rows_at_once;
      x_from[i] = static_cast<std::uint32_t>((token < in.tokens ? token : in.tokens - 1) * in.x_stride * static_cast<int>(sizeof(number)) + copy.column * 2);  // of the last for those past it
    }
    w.begin(in);
    TENON_UNROLL for (int s = 0; s < Stages - 1; ++s) start(static_cast<address>(s) * stage_bytes);
    Leaf::template wait<Stages - 2>();
    Leaf::barrier();
    address at = 0, free = (Stages - 1) * stage_bytes;
    load(0, at, 0);
    for (int k = 0; k < in.deep; k += depth) {
      const address next = at + stage_bytes == Stages * stage_bytes ? 0 : at + stage_bytes;
      free_at = free;
      body(stage{at, next, k, k + depth >= in.deep});
      free = at, at = next;
    }
  }

  /// sums += x w^T over one stage.
  TENON_BOTH TENON_INLINE void accumulate(const stage& s) {
    float scales[promotes ? token_tiles : 1][2];
    if constexpr (promotes)
      TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
        TENON_UNROLL for (int half = 0; half < 2; ++half) scales[i][half] = in.scales.template load<Leaf>(first_token + 16 * i + place::at(lane(), 2 * half).row, s.k);
    TENON_UNROLL for (int step = 0; step < steps; ++step) {
      if (step == 0) start(free_at);
      if (step + 1 < steps) {
        load((step + 1) % 2, s.at, step + 1);
      } else {  // all have read this stage, and the next one is there; after the last one, shared memory is free
        Leaf::template wait<Stages - 2>();
        Leaf::barrier();
        if (!s.last) load((step + 1) % 2, s.next, 0);
      }
      TENON_UNROLL for (int n = 0; n < row_tiles; ++n) {
        std::uint32_t b[4];
        w.operand(step, n, b);
        TENON_UNROLL for (int i = 0; i < token_tiles; ++i) {
          Leaf::template mma<number>(sums[i][2 * n], a[step % 2][i], b[0], b[1]);
          Leaf::template mma<number>(sums[i][2 * n + 1], a[step % 2][i], b[2], b[3]);
        }
      }
    }
    if constexpr (promotes)
      TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
        TENON_UNROLL for (int n = 0; n < 2 * row_tiles; ++n)
          TENON_UNROLL for (int e = 0; e < 4; ++e) totals[i][n][e] = __builtin_fmaf(of_units(sums[i][n][e]), scales[i][e / 2], totals[i][n][e]), sums[i][n][e] = none;
  }

  /// The tile's sums to their sink, whose token and row 0 are the tile's: through shared memory, so that a store is whole lines.
  template <class Sink>
  TENON_BOTH TENON_INLINE void store(const Sink& sink) const {
    constexpr int chunks = warp_rows / 4;  // of four floats
    const int lane = this->lane(), of_block = first_row / Weights::matrices;
    const address own = sums_at(first_token, of_block);
    TENON_UNROLL for (int i = 0; i < token_tiles; ++i)
      TENON_UNROLL for (int n = 0; n < row_tiles / Weights::matrices; ++n)
        TENON_UNROLL for (int half = 0; half < 2; ++half) {
          const fragment_place p = place::at(lane, 2 * half);
          if constexpr (Weights::panels) {  // even rows and odd ones: four neighbours
            bits128 four;
            TENON_UNROLL for (int e = 0; e < 4; ++e) {
              float of = sum(i, 2 * n + e % 2, 2 * half + e / 2);
              if constexpr (Weights::matrices == 2) of = sink.open(of_block + 16 * n + 2 * p.column + e, of, sum(i, 2 * n + row_tiles + e % 2, 2 * half + e / 2));
              four.word[e] = bit_cast<std::uint32_t>(of);
            }
            Leaf::store_shared(own + chunk_at<chunks>(16 * i + p.row, 4 * n + p.column / 2), four);
          } else {
            TENON_UNROLL for (int e = 0; e < 2; ++e) {
              bits64 two;
              TENON_UNROLL for (int j = 0; j < 2; ++j) {
                float of = sum(i, 2 * n + e, 2 * half + j);
                if constexpr (Weights::matrices == 2) of = sink.open(of_block + 16 * n + 8 * e + p.column + j, of, sum(i, 2 * n + row_tiles + e, 2 * half + j));
                two.word[j] = bit_cast<std::uint32_t>(of);
              }
              Leaf::store_shared(own + chunk_at<chunks>(16 * i + p.row, 4 * n + 2 * e + p.column / 4) + static_cast<address>(p.column % 4 * 4), two);
            }
          }
        }
    float bias[4];
    if constexpr (Sink::by_rows) {  // a warp takes whole rows, which two have made
      Leaf::barrier();
      static_assert(2 * chunks == 32);
      const int row = 4 * lane;
      const address from = sums_at(0, lane / chunks * warp_rows);
      sink.bias_of(row, bias);
      for (int token = Leaf::thread() / 32; token < Tokens; token += threads / 32)
        sink.store(token, row, Leaf::template load_shared<bits128>(from + sums_at(token / (Tokens / 2) * (Tokens / 2), 0) - sums_at(0, 0) + chunk_at<chunks>(token % (Tokens / 2), lane % chunks)), bias);
    } else {
      Leaf::sync_warp();
      const int row = of_block + lane % chunks * 4;
      sink.bias_of(row, bias);
      for (int token = lane / chunks; token < Tokens / 2; token += 32 / chunks)
        sink.store(first_token + token, row, Leaf::template load_shared<bits128>(own + chunk_at<chunks>(token, lane % chunks)), bias);
    }
  }

 private:
  static constexpr int warp_rows = block_rows / 2;  // of out
  // What sums begin with. The bits of whole ones above it are a float of 1.5 2^23 and that sum, exactly: no conversion is needed, of which units do a quarter
  // as many.
  static constexpr sum_of<number> none = std::is_integral_v<sum_of<number>> ? 0x4b400000 : 0;
  TENON_BOTH TENON_INLINE static float of_units(sum_of<number> sum) {
    if constexpr (std::is_integral_v<sum_of<number>>)
      return bit_cast<float>(sum) - 12582912.0f;
    else
      return sum;
  }
  TENON_BOTH TENON_INLINE float sum(int i, int n, int e) const {
    if constexpr (promotes)
      return totals[i][n][e];
    else
      return sums[i][n][e];
  }
  // Where the sums of a warp wait, from its first token and row on.
  TENON_BOTH TENON_INLINE static address sums_at(int token, int row) { return Leaf::shared() + static_cast<address>((token * block_rows + row * (Tokens / 2)) * 4); }
  address free_at;  // the stage that may be overwritten

  // Where four floats of a warp's sums wait to be stored: permuted, so that fragments and rows both meet all banks.
  template <int Chunks>
  TENON_BOTH TENON_INLINE static constexpr address chunk_at(int token, int chunk) {
    static_assert(32 % Chunks == 0 && Chunks >= 8);
    return static_cast<address>((token * Chunks + (chunk ^ (Weights::panels ? token % 2 * 4 : token % (Chunks / 2) % 8 * 2))) * 16);
  }

  TENON_BOTH TENON_INLINE void load(int buffer, address stage_at, int step) {
    TENON_UNROLL for (int i = 0; i < token_tiles; ++i) Leaf::load_matrices(a[buffer][i], x_at(16 * i, step) + stage_at);
    w.load(stage_at, step);
  }
  // Starts the copy of the next stage, if there is one; the group may be empty.
  TENON_BOTH TENON_INLINE void start(address stage_at) {
    const int left = in.deep - started;
    const char* const x = reinterpret_cast<const char*>(in.x + started);
    const address to = Leaf::shared() + stage_at, x_to = to + copy.to;
    if (left >= depth) {
      TENON_UNROLL for (int i = 0; i < x_copier::steps; ++i) Leaf::copy_16(x_to + x_copier::place(i), x + x_from[i]);
      w.start(in, to + x_bytes, started, 16);
    } else if (Weights::ragged && left > 0) {  // zeros past the end of the depth
      const int have = left * static_cast<int>(sizeof(number)) - copy.column * 2, bytes = have < 0 ? 0 : have > 16 ? 16 : have;
      TENON_UNROLL for (int i = 0; i < x_copier::steps; ++i) Leaf::copy_16(x_to + x_copier::place(i), x + x_from[i], bytes);
      w.start(in, to + x_bytes, started, bytes);
    }
    Leaf::commit();
    started += depth;
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
