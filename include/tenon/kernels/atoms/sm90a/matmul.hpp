#pragma once
// The words of a product on sm_90a. Two groups of 128 threads compute 64 tokens x Rows each, in registers, by asynchronous products of operands in
// shared memory (wgmma); one thread of a third group brings stages of 64 of the depth through the copy engine, zeros where an operand ends. While
// the products of one stage run the next ones are issued; a stage is free when its products are done.
//
// Sums of numbers of 8 bits keep some 13 bits of their fraction in the units (DeepSeek-V3, arXiv 2412.19437, 3.3.2): what comes of a stage, 128 of the depth, is
// added, times its scale of x, to sums of single precision outside them.

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/sm80/fragments.hpp>
#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/atoms/sm90a/ring.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/quantised.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

/// Rows: of one matrix, or of two, a gate's and that which it opens: half of a tile's rows are then of each. Number: bf16 or e4m3. A gate of the latter passes over
/// the depth twice, once for each half of 128 rows of out, so that a tile knows what shares a scale in results of 8 bits.
template <class Leaf, int Rows, int Stages, int Matrices = 1, class Number = bf16>
struct matmul_words {
  static constexpr int consumers = 2, threads = 128 * (consumers + 1), block_tokens = 64 * consumers, depth = static_cast<int>(panel_row / sizeof(Number));
  static constexpr int matrices = Matrices, passes = sizeof(Number) == 1 ? Matrices : 1, box_rows = Rows / Matrices, block_rows = passes * box_rows;
  static constexpr int tiles = Rows / 8, producer_registers = 24, consumer_registers = 240;
  static constexpr bool promotes = sizeof(Number) == 1;
  static_assert(!promotes || depth == values_per_scale);
  static_assert((Rows == 64 || Rows == 128 || Rows == 256) && Stages >= 2 && (Matrices == 1 || Matrices == 2));
  using address = typename Leaf::address;
  using place = fragments::sm80::mma_d;
  using stages = ring<Leaf, Stages>;
  using operand = tensor_map;
  static constexpr address x_bytes = block_tokens * panel_row, stage_bytes = x_bytes + Rows * panel_row, ring_at = Stages * stage_bytes;
  static constexpr int shared_bytes = static_cast<int>(ring_at + ring_bytes<Stages>);

  /// The operands: maps of x [token, depth] and w [row, depth] with boxes of block_tokens and box_rows by `depth`; the tile's first token and row.
  struct source {
    const tensor_map *x, *w[Matrices];
    int token, row, deep;
    token_scales scales;  ///< of numbers of 8 bits
  };
  /// One stage of the depth, full.
  struct stage {
    address at;
  };

  typename Leaf::template held<float> sums[tiles][4];
  float totals[promotes ? passes : 1][promotes ? tiles : 1][4];  ///< of the stages that are done, where they are added up outside the units
  int first_token;  ///< of this warp, in the tile
  stages ahead;

  /// By all threads.
  TENON_BOTH TENON_INLINE matmul_words() : first_token(Leaf::uniform(Leaf::thread() / 32) * 16), ahead(Leaf::shared() + ring_at, 0) {
    if (Leaf::thread() == 0) {
      stages::init(Leaf::shared() + ring_at, block_tokens / 16);
      Leaf::publish_arrivals();
    }
    Leaf::barrier();
  }
  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }
  /// Whether this thread brings operands, and computes nothing.
  TENON_BOTH TENON_INLINE bool produces() const { return first_token >= block_tokens; }

  /// What the producing threads do: each stage of the depth, as it becomes free.
  TENON_BOTH TENON_INLINE void produce(const source& in) const {
    Leaf::template give_registers<producer_registers>();
    if (first_token != block_tokens) return;  // one warp of them is enough
    stages to(ahead.barriers, 1);
    for (int pass = 0; pass < passes; ++pass)
      for (int k = 0; k < in.deep; k += depth) {
        to.await_empty();
        if (lane() == 0) {
          const address at = Leaf::shared() + static_cast<address>(to.stage) * stage_bytes;
          Leaf::arrive_expecting(to.full(), static_cast<int>(stage_bytes));
          Leaf::copy_box(at, *in.x, to.full(), k, in.token);
          TENON_UNROLL for (int m = 0; m < Matrices; ++m)
              Leaf::copy_box(at + x_bytes + static_cast<address>(m * box_rows * panel_row), *in.w[m], to.full(), k, in.row + pass * box_rows);
        }
        to.next();
      }
  }

  TENON_BOTH TENON_INLINE void clear() {
    TENON_UNROLL for (int n = 0; n < tiles; ++n)
      TENON_UNROLL for (int e = 0; e < 4; ++e) {
          sums[n][e] = 0;
          if constexpr (promotes)
            TENON_UNROLL for (int pass = 0; pass < passes; ++pass) totals[pass][n][e] = 0;
        }
  }
  /// Calls body(stage) for each `depth`.
  template <class Body>
  TENON_BOTH TENON_INLINE void stream(const source& in, Body&& body) {
    Leaf::template take_registers<consumer_registers>();
    stages done = ahead;
    TENON_UNROLL for (int pass = 0; pass < passes; ++pass)
      for (int k = 0; k < in.deep; k += depth) {
        float scales[2];
        if constexpr (promotes)
          TENON_UNROLL for (int half = 0; half < 2; ++half) scales[half] = in.scales.template load<Leaf>(first_token + place::at(lane(), 2 * half).row, k);
        ahead.await_full();
        body(stage{Leaf::shared() + static_cast<address>(ahead.stage) * stage_bytes});
        ahead.next();
        if constexpr (promotes) {
          Leaf::template await_products<0>(sums);
          if (lane() == 0) Leaf::arrive(done.empty());
          done.next();
          TENON_UNROLL for (int n = 0; n < tiles; ++n)
            TENON_UNROLL for (int e = 0; e < 4; ++e) totals[pass][n][e] = __builtin_fmaf(sums[n][e], scales[e / 2], totals[pass][n][e]);
        } else if (k > 0) {  // the products of the stage before
          Leaf::template await_products<1>();
          if (lane() == 0) Leaf::arrive(done.empty());
          done.next();
        }
      }
    if constexpr (!promotes) Leaf::template await_products<0>(sums);
  }
  /// Begins sums += x w^T over one stage.
  TENON_BOTH TENON_INLINE void accumulate(const stage& s) {
    const std::uint64_t x = along_rows(s.at + static_cast<address>(first_token / 64 * 64 * panel_row)), w = along_rows(s.at + x_bytes);
    if constexpr (promotes)
      Leaf::begin_products(sums);
    else
      Leaf::begin_products();
    TENON_UNROLL for (int step = 0; step < static_cast<int>(panel_row) / 32; ++step)
        Leaf::template multiply<Number>(sums, x + static_cast<std::uint64_t>(step * 2), w + static_cast<std::uint64_t>(step * 2), !promotes || step > 0);
    Leaf::commit_products();
  }

  /// The tile's sums to their sink, whose token and row 0 are the tile's. A lane has two neighbours in each of two rows: those beside it
  /// give it the other two of one of them.
  template <class Sink>
  TENON_BOTH TENON_INLINE void store(const Sink& sink) const {
    const int lane = this->lane(), odd = lane % 2;
    const int token = first_token + place::at(lane, 2 * odd).row, column = place::at(lane - odd, 0).column;
    if constexpr (Sink::by_rows) {  // two lanes have all rows of a token
      using scale = typename Sink::scale_type;
      TENON_UNROLL for (int first = 0; first < block_rows / 8; first += values_per_scale / 8) {
        float value[values_per_scale / 8][4] = {};
        std::uint32_t peak = 0;
        TENON_UNROLL for (int n = 0; n < values_per_scale / 8; ++n) {
          float bias[4];
          sink.bias_of(8 * (first + n) + column, bias);
          sink.results(token, 8 * (first + n) + column, four_of(sink, first + n, odd), bias, value[n]);
          peak = scale::peak_of(value[n], peak);
        }
        const scale by = scale::of_activations(scale::larger(peak, Leaf::shuffle_xor(peak, 2)));
        TENON_UNROLL for (int n = 0; n < values_per_scale / 8; ++n) sink.out.store(token, 8 * (first + n) + column, value[n], by);
      }
    } else {
      TENON_UNROLL for (int n = 0; n < block_rows / 8; ++n) {
        const bits128 four = four_of(sink, n, odd);
        float bias[4];
        sink.bias_of(8 * n + column, bias);
        sink.store(token, 8 * n + column, four, bias);
      }
    }
  }

 private:
  // Four neighbours of the row that is this lane's.
  template <class Sink>
  TENON_BOTH TENON_INLINE bits128 four_of(const Sink& sink, int n, int odd) const {
    std::uint32_t mine[2], others[2];
    TENON_UNROLL for (int e = 0; e < 2; ++e) {
      const float low = sum_of(sink, n, e), high = sum_of(sink, n, 2 + e);
      mine[e] = bit_cast<std::uint32_t>(odd != 0 ? high : low);
      others[e] = Leaf::shuffle_xor(bit_cast<std::uint32_t>(odd != 0 ? low : high), 1);
    }
    return odd != 0 ? bits128{{others[0], others[1], mine[0], mine[1]}} : bits128{{mine[0], mine[1], others[0], others[1]}};
  }
  // Of the 8 rows n of out.
  template <class Sink>
  TENON_BOTH TENON_INLINE float sum_of(const Sink& sink, int n, int e) const {
    if constexpr (Matrices == 2)
      return sink.open(8 * n + place::at(lane(), e).column, sum(0, n, e), sum(1, n, e));
    else
      return sum(0, n, e);
  }
  TENON_BOTH TENON_INLINE float sum(int matrix, int n, int e) const {
    constexpr int of_box = box_rows / 8;
    if constexpr (promotes)
      return totals[n / of_box][n % of_box + matrix * of_box][e];
    else
      return sums[n + matrix * of_box][e];
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
