#pragma once
// The words of a product on sm_90a with weights as they are stored. A weight is the left operand of asynchronous products (wgmma), which may come
// from registers: a warp has its rows of w alone, so that each weight is read from memory and made a number once for 128 tokens, and never
// lies in shared memory. x, the right operand, comes through the copy engine into a ring of stages, brought by one thread of a third group.
// While the products of one group of four warps run, the weights of the other become fragments: a compiler makes a group wait that writes
// operands while its own products run (C7513). Those of the next stage are on their way meanwhile.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/atoms/sm90a/ring.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_panel.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

/// Panels of Format, of one matrix or of two, a gate's and that which it opens: a warp has two panels of the one, or a panel of each. Rows g and
/// g + 8 of a fragment are rows 2 g and 2 g + 1 of a panel; the order of the depth is that of sm80::panel_weights.
template <class Leaf, class Format, int Matrices, int Stages>
struct stored_matmul_words {
  using format = device_panel<Format>;
  static constexpr int consumers = 2, threads = 128 * (consumers + 1), warps = 4 * consumers, row_tiles = 2;
  static constexpr int block_tokens = 128, block_panels = warps * row_tiles / Matrices, block_rows = 16 * block_panels;
  static constexpr int depth = panel_columns, tiles = block_tokens / 8, producer_registers = 24, consumer_registers = 240;
  static_assert((Matrices == 1 || Matrices == 2) && Stages >= 2);
  using address = typename Leaf::address;
  using fragment = typename Leaf::template held<std::uint32_t>[4];
  using stages = ring<Leaf, Stages>;
  using operand = tensor_map;
  static constexpr address stage_bytes = block_tokens * panel_row, ring_at = Stages * stage_bytes;
  static constexpr int shared_bytes = static_cast<int>(ring_at + ring_bytes<Stages>);

  /// The operands: x [token, depth] in whole stages, of which kernels take a map with boxes of block_tokens x 64; w from the tile's first panel,
  /// of which `panels` exist, `pitch` bytes apart.
  struct source {
    const bf16* x;
    const std::byte* w[Matrices];
    index_t x_stride, pitch;
    int tokens, panels, deep;
  };
  /// The order in which x lies: the place of pair `pair` of 16-byte chunk `chunk` of 32 values is this of them.
  TENON_BOTH TENON_INLINE static constexpr int order(int chunk, int pair) { return 8 * pair + 2 * chunk; }

  /// One stage of x, full. `before`, `after`: another one comes then, of which `in` has the weights; `part`: its number.
  struct stage {
    const source& in;
    address at;
    int part;
    bool before, after;
  };
  /// Weights of one panel and 64 of the depth in one lane, as they are stored: of two rows, an octet of each 32.
  struct stored {
    std::uint32_t quanta[2][format::words][2], high[2][2];
    typename format::template stored_factors<2> factors[2];

    TENON_BOTH TENON_INLINE void load(const std::byte* panel, int part) {
      const memory_reader<Leaf> slab{panel + index_t{part / format::parts} * Format::bytes}, from{slab.at + format::header_bytes + part % format::parts * format::part_bytes};
      const int row = lane() / 4 * 2;
      TENON_UNROLL for (int half = 0; half < 2; ++half) {
        const int octet = 4 * half + lane() % 4;
        TENON_UNROLL for (int i = 0; i < format::words; ++i) {
          const bits64 both = from.template load<bits64>((octet * format::words + i) * 64 + row * 4);
          quanta[half][i][0] = both.word[0], quanta[half][i][1] = both.word[1];
        }
        if constexpr (format::six) {
          const bits64 both = from.template load<bits64>(format::lines * 64 + octet / 2 * 64 + row * 4);
          high[half][0] = both.word[0], high[half][1] = both.word[1];
        }
        factors[half].load(from, slab, row, octet);
      }
    }
    /// The left operand of step `Step` of 16 of half `half`.
    template <int Step>
    TENON_BOTH TENON_INLINE void convert(int half, fragment& to) const {
      TENON_UNROLL for (int r = 0; r < 2; ++r) {
        std::uint32_t of_row[format::words], out[2];
        TENON_UNROLL for (int i = 0; i < format::words; ++i) of_row[i] = quanta[half][i][r];
        format::template pairs<Leaf, Step>(of_row, format::six ? high[half][r] >> (lane() % 2 * 4) : 0u, factors[half].template of<Leaf>(r), out);
        to[r] = out[0], to[2 + r] = out[1];
      }
    }
  };

  typename Leaf::template held<float> sums[row_tiles][tiles][4];
  fragment a[2][2][row_tiles];  // of each half of a stage, and of its steps
  stored coming[row_tiles];
  int warp;
  stages ahead, done;

  /// By all threads.
  TENON_BOTH TENON_INLINE stored_matmul_words() : warp(Leaf::uniform(Leaf::thread() / 32)), ahead(Leaf::shared() + ring_at, 0), done(ahead) {
    if (Leaf::thread() == 0) {
      stages::init(Leaf::shared() + ring_at, warps);
      Leaf::publish_arrivals();
    }
    Leaf::barrier();
  }
  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }
  /// Whether this thread brings x, and computes nothing.
  TENON_BOTH TENON_INLINE bool produces() const { return warp >= warps; }

  /// What the producing threads do: each stage of x from `token` on, as it becomes free.
  TENON_BOTH TENON_INLINE void produce(const tensor_map& x, int token, int deep) const {
    Leaf::template give_registers<producer_registers>();
    if (warp != warps) return;  // one warp of them is enough
    stages to(ahead.barriers, 1);
    for (int k = 0; k < deep; k += depth) {
      to.await_empty();
      if (lane() == 0) {
        Leaf::arrive_expecting(to.full(), static_cast<int>(stage_bytes));
        Leaf::copy_box(Leaf::shared() + static_cast<address>(to.stage) * stage_bytes, x, to.full(), k, token);
      }
      to.next();
    }
  }

  TENON_BOTH TENON_INLINE void clear() {
    TENON_UNROLL for (int t = 0; t < row_tiles; ++t)
      TENON_UNROLL for (int n = 0; n < tiles; ++n)
        TENON_UNROLL for (int e = 0; e < 4; ++e) sums[t][n][e] = 0;
    TENON_UNROLL for (int half = 0; half < 2; ++half)
      TENON_UNROLL for (int step = 0; step < 2; ++step)
        TENON_UNROLL for (int t = 0; t < row_tiles; ++t)
          TENON_UNROLL for (int e = 0; e < 4; ++e) a[half][step][t][e] = 0;
  }
  /// Calls body(stage) for each 64 of the depth.
  template <class Body>
  TENON_BOTH TENON_INLINE void stream(const source& in, Body&& body) {
    Leaf::template take_registers<consumer_registers>();
    load(in, 0);
    for (int k = 0; k < in.deep; k += depth) {
      ahead.await_full();
      body(stage{in, Leaf::shared() + static_cast<address>(ahead.stage) * stage_bytes, k / depth, k > 0, k + depth < in.deep});
      ahead.next();
    }
    Leaf::template await_products<0>(sums, a);
  }
  /// Begins sums += w x^T over one stage.
  TENON_BOTH TENON_INLINE void accumulate(const stage& s) {
    const std::uint64_t x = along_rows(s.at);
    Leaf::template await_products<0>(a);  // those of the stage before have read these
    if (s.before) {
      if (lane() == 0) Leaf::arrive(done.empty());
      done.next();
    }
    TENON_UNROLL for (int half = 0; half < 2; ++half)
      TENON_UNROLL for (int t = 0; t < row_tiles; ++t) coming[t].template convert<0>(half, a[half][0][t]), coming[t].template convert<1>(half, a[half][1][t]);
    if (s.after) load(s.in, s.part + 1);
    Leaf::begin_products(a);
    TENON_UNROLL for (int step = 0; step < 4; ++step)
      TENON_UNROLL for (int t = 0; t < row_tiles; ++t) Leaf::multiply_registers(sums[t], a[step / 2][step % 2][t], x + static_cast<std::uint64_t>(step * 2));
    Leaf::commit_products();
  }

  /// The tile's sums to their sink, whose token and row 0 are the tile's. A lane has two neighbouring rows of each of two tokens: the one with
  /// the two rows beside these gives it the other two of one of them.
  template <class Sink>
  TENON_BOTH TENON_INLINE void store(const Sink& sink) const {
    const int lane = this->lane(), odd = lane / 4 % 2;
    TENON_UNROLL for (int t = 0; t < row_tiles / Matrices; ++t) {
      const int row = 16 * panel_of(t) + lane / 8 * 4;
      float bias[4];
      sink.bias_of(row, bias);
      TENON_UNROLL for (int n = 0; n < tiles; ++n) {
        std::uint32_t mine[2], others[2];
        TENON_UNROLL for (int r = 0; r < 2; ++r) {
          const float first = sum_of(sink, t, n, 2 * r), second = sum_of(sink, t, n, 2 * r + 1);  // of two tokens
          mine[r] = bit_cast<std::uint32_t>(odd != 0 ? second : first);
          others[r] = Leaf::shuffle_xor(bit_cast<std::uint32_t>(odd != 0 ? first : second), 4);
        }
        sink.store(8 * n + lane % 4 * 2 + odd, row, odd != 0 ? bits128{{others[0], others[1], mine[0], mine[1]}} : bits128{{mine[0], mine[1], others[0], others[1]}}, bias);
      }
    }
  }

 private:
  // Of the tile: that of this warp's row tile t.
  TENON_BOTH TENON_INLINE int panel_of(int t) const { return Matrices == 2 ? warp : warp * row_tiles + t; }
  // A panel past the last is read as the last.
  TENON_BOTH TENON_INLINE void load(const source& in, int part) {
    TENON_UNROLL for (int t = 0; t < row_tiles; ++t) {
      const int panel = panel_of(t) < in.panels ? panel_of(t) : in.panels - 1;
      coming[t].load(in.w[Matrices == 2 ? t : 0] + panel * in.pitch, part);
    }
  }
  template <class Sink>
  TENON_BOTH TENON_INLINE float sum_of(const Sink& sink, int t, int n, int e) const {
    if constexpr (Matrices == 2)
      return sink.open(16 * panel_of(0) + lane() / 4 * 2 + e / 2, sums[0][n][e], sums[1][n][e]);
    else
      return sums[t][n][e];
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
