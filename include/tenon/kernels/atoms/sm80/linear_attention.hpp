#pragma once
// The words of linear attention on NVIDIA GPUs from sm_80 on, for the skeleton of the processors. A chunk is 64 tokens. The state S is kept transposed in
// registers: a warp owns 16 columns of the values and S^T [16, features], which is the right operand of `recall` as it stands. One warp more owns
// a column of ones, whose results are the denominators. Scores of a chunk belong to four warps and go to all through shared memory.
//
// Operands and scores are rounded to Number, so is the state where it is read; it adds up in float. Numbers must be finite. Tokens past the last are
// never read.

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/sm80/register_tile.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

template <class Leaf, int Dim, class Number = bf16>
struct linear_attention_words {
  static constexpr int chunk = 64, value_warps = Dim / 16, threads = 32 * (value_warps + 1);
  using place = fragments::sm80::mma_d;
  using tile = shared_tile<Leaf, Dim>;
  using score_tile = shared_tile<Leaf, chunk>;
  using address = typename Leaf::address;
  static_assert(Dim >= 64 && Dim % 64 == 0, "[dim] of linear attention on GPUs is 64 or 128.");

  // Shared memory: features of queries and of keys, values, scores, and one denominator of each token.
  static constexpr address tile_bytes = chunk * tile::row_bytes, keys_at = tile_bytes, values_at = 2 * tile_bytes, scores_at = 3 * tile_bytes;
  static constexpr address totals_at = scores_at + chunk * score_tile::row_bytes;
  static constexpr int shared_bytes = static_cast<int>(totals_at) + chunk * 4;

  int warp;
  float state[Dim / 8][4];   ///< S^T of this warp's columns: [16][8] each
  float out[chunk / 16][2][4];  // of this warp's columns
  bool read = false, settled = false;  // what lies in shared memory; the same for all threads

  TENON_BOTH TENON_INLINE linear_attention_words() : warp(Leaf::uniform(Leaf::thread() / 32)) {
    TENON_UNROLL for (auto& each : state)
      TENON_UNROLL for (float& x : each) x = 0;
  }
  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }
  TENON_BOTH TENON_INLINE bool counts() const { return warp == value_warps; }  ///< this warp owns the ones

  /// The state to or from memory, [feature][columns], of which column Dim holds the sums of the features: f(place, value).
  template <class F>
  TENON_BOTH TENON_INLINE void each_of_state(int columns, const F& f) {
    const int feature = place::at(lane(), 0).column, column = 16 * warp + place::at(lane(), 0).row;
    TENON_UNROLL for (int n = 0; n < Dim / 8; ++n)
      TENON_UNROLL for (int e = 0; e < 4; ++e)
        if (column + e / 2 * 8 <= Dim) f((8 * n + feature + e % 2) * columns + column + e / 2 * 8, state[n][e]);
  }

  template <class Source>
  TENON_BOTH TENON_INLINE void take_queries(const Source& in, int q0, int q1) {
    begin();
    take(0, q1 - q0, [&](int row) TENON_LAMBDA { return in.q(q0 + row); }, [](int) TENON_LAMBDA { return true; }, [&](float x) TENON_LAMBDA { return in.feature(x); });
  }
  template <class Source>
  TENON_BOTH TENON_INLINE void take_keys(const Source& in, int k0, int k1) {
    begin();
    take(keys_at, k1 - k0, [&](int row) TENON_LAMBDA { return in.k(k0 + row); }, [&](int row) TENON_LAMBDA { return in.keeps(k0 + row); }, [&](float x) TENON_LAMBDA { return in.feature(x); });
    take(values_at, k1 - k0, [&](int row) TENON_LAMBDA { return in.v(k0 + row); }, [&](int row) TENON_LAMBDA { return in.keeps(k0 + row); }, [](float x) TENON_LAMBDA { return x; });
  }

  /// out = a S.
  TENON_BOTH TENON_INLINE void recall(int, int) {
    settle();
    TENON_UNROLL for (auto& rows : out)
      TENON_UNROLL for (auto& each : rows)
        TENON_UNROLL for (float& x : each) x = 0;
    const typename tile::lane_rows a_at(Leaf::shared(), lane(), tile::order::rows_first);
    TENON_UNROLL for (int step = 0; step < Dim / 16; ++step) {
      std::uint32_t s[2][2];  // features 0 to 7 and 8 to 15 of columns 0 to 7, then of columns 8 to 15
      TENON_UNROLL for (int j = 0; j < 2; ++j)
        TENON_UNROLL for (int half = 0; half < 2; ++half) s[j][half] = Leaf::template pack<Number>(state[2 * step + half][2 * j], state[2 * step + half][2 * j + 1]);
      TENON_UNROLL for (int i = 0; i < chunk / 16; ++i) {
        std::uint32_t a[4];
        Leaf::load_matrices(a, a_at(16 * i, step));
        TENON_UNROLL for (int j = 0; j < 2; ++j) Leaf::template mma<Number>(out[i][j], a, s[j][0], s[j][1]);
      }
    }
  }
  /// out += (a b^T) c over keys at or before each query, which stands at position first + its row.
  TENON_BOTH TENON_INLINE void attend(int q0, int, int k0, int, int first) {
    if (warp < chunk / 16) {
      const typename tile::lane_rows a_at(Leaf::shared() + static_cast<address>(16 * warp * tile::row_bytes), lane(), tile::order::rows_first);
      const typename tile::lane_rows b_at(Leaf::shared() + keys_at, lane(), tile::order::chunks_first);
      float s[1][chunk / 8][4];
      multiply_rows<Leaf, Number, Dim / 16>(s, a_at, b_at);
      TENON_UNROLL for (int n = 0; n < chunk / 8; ++n)
        TENON_UNROLL for (int half = 0; half < 2; ++half) {
          const fragment_place at = place::at(lane(), 2 * half);
          const int row = 16 * warp + at.row, ahead = first + q0 + row - k0 - (8 * n + at.column);  // of the first of two keys
          const float one = ahead >= 0 ? s[0][n][2 * half] : 0.0f, other = ahead >= 1 ? s[0][n][2 * half + 1] : 0.0f;
          Leaf::store_shared(Leaf::shared() + scores_at + score_tile::offset(row, n) + static_cast<address>(at.column * 2), Leaf::template pack<Number>(one, other));
        }
    }
    Leaf::barrier();
    const typename score_tile::lane_rows s_at(Leaf::shared() + scores_at, lane(), score_tile::order::rows_first);
    const address c_at = own_values(lane() / 8 % 2, lane() / 16);
    TENON_UNROLL for (int step = 0; step < chunk / 16; ++step) {
      std::uint32_t c[4] = {ones(), ones(), 0, 0};
      if (!counts()) Leaf::load_matrices_transposed(c, c_at + static_cast<address>(16 * step * tile::row_bytes));
      TENON_UNROLL for (int i = 0; i < chunk / 16; ++i) {
        std::uint32_t s[4];
        Leaf::load_matrices(s, s_at(16 * i, step));
        TENON_UNROLL for (int j = 0; j < 2; ++j) Leaf::template mma<Number>(out[i][j], s, c[2 * j], c[2 * j + 1]);
      }
    }
  }
  /// Rows [q0, q1) of the output: the sums over their denominators; 0 where that is 0.
  template <class Source>
  TENON_BOTH TENON_INLINE void store(const Source& in, int q0, int q1) const {
    const int row0 = place::at(lane(), 0).row;
    if (counts() && lane() % 4 == 0)
      TENON_UNROLL for (int i = 0; i < chunk / 16; ++i)
        TENON_UNROLL for (int half = 0; half < 2; ++half) Leaf::store_shared(Leaf::shared() + totals_at + static_cast<address>(4 * (16 * i + row0 + 8 * half)), out[i][0][2 * half]);
    Leaf::barrier();
    if (counts()) return;
    TENON_UNROLL for (int i = 0; i < chunk / 16; ++i)
      TENON_UNROLL for (int half = 0; half < 2; ++half) {
        const int row = 16 * i + row0 + 8 * half;
        if (q0 + row >= q1) continue;
        const float total = Leaf::template load_shared<float>(Leaf::shared() + totals_at + static_cast<address>(4 * row)), by = total == 0 ? 0.0f : Leaf::reciprocal(total);
        TENON_UNROLL for (int j = 0; j < 2; ++j) in.store_two(q0 + row, 16 * warp + 8 * j + place::at(lane(), 0).column, out[i][j][2 * half] * by, out[i][j][2 * half + 1] * by);
      }
  }
  /// S += b^T c.
  TENON_BOTH TENON_INLINE void absorb(int, int) {
    settle();
    const address c_at = own_values(lane() / 16, lane() / 8 % 2);
    const typename tile::lane_rows b_at(Leaf::shared() + keys_at, lane(), tile::order::rows_first);
    TENON_UNROLL for (int step = 0; step < chunk / 16; ++step) {
      std::uint32_t c[4] = {ones(), 0, ones(), 0};  // columns 0 to 7 and 8 to 15 of tokens 0 to 7, then of tokens 8 to 15
      if (!counts()) Leaf::load_matrices_transposed(c, c_at + static_cast<address>(16 * step * tile::row_bytes));
      TENON_UNROLL for (int n = 0; n < Dim / 16; ++n) {
        std::uint32_t b[4];
        Leaf::load_matrices_transposed(b, b_at(16 * step, n));
        Leaf::template mma<Number>(state[2 * n], c, b[0], b[1]);
        Leaf::template mma<Number>(state[2 * n + 1], c, b[2], b[3]);
      }
    }
  }

 private:
  // Before something is taken: all are done with what they read. Before it is read: all of it is there.
  TENON_BOTH TENON_INLINE void begin() {
    if (read) Leaf::barrier();
    read = false, settled = false;
  }
  TENON_BOTH TENON_INLINE void settle() {
    if (!settled) Leaf::barrier();
    read = true, settled = true;
  }

  // Two ones in the first column, as lanes of a fragment hold it.
  TENON_BOTH TENON_INLINE static std::uint32_t ones() { return lane() / 4 == 0 ? Leaf::template pack<Number>(1, 1) : 0u; }
  // The address that this lane gives to ldmatrix, of the values in this warp's columns: of which 8 rows and which 8 columns of 16.
  TENON_BOTH TENON_INLINE address own_values(int rows, int columns) const { return Leaf::shared() + values_at + tile::offset(lane() % 8 + 8 * rows, 2 * warp + columns); }

  // Rows [0, count) through f into the tile at `to`, 16 bytes at a time; zeros past the last, and where kept says no.
  template <class Rows, class Kept, class F>
  TENON_BOTH TENON_INLINE static void take(address to, int count, const Rows& from, const Kept& kept, const F& f) {
    for (int i = Leaf::thread(); i < chunk * tile::chunks; i += threads) {
      const int row = i / tile::chunks, eight = i % tile::chunks;
      bits128 values{};
      if (row < count && kept(row)) {
        values = Leaf::load(reinterpret_cast<const bits128*>(from(row) + 8 * eight));
        TENON_UNROLL for (std::uint32_t& pair : values.word) {
          float two[2];
          unpack_two<Number>(pair, two);
          pair = Leaf::template pack<Number>(f(two[0]), f(two[1]));
        }
      }
      Leaf::store_shared(Leaf::shared() + to + tile::offset(row, eight), values);
    }
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
