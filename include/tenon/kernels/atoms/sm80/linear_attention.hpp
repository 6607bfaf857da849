#pragma once
// The words of linear attention on NVIDIA GPUs from sm_80 on, for the skeleton of the processors. A chunk is 64 tokens. The state S is kept transposed in
// registers: a warp owns 16 columns of the values and S^T [16, features], which is the right operand of `recall` as it stands. What stands beside
// (shared/linear_letters.hpp): totals have one warp more, which owns a column of ones; weights have no matrix, each lane adds them in float. Scores of a
// chunk belong to four warps and go to all through shared memory.
//
// Letters and scores are rounded to Number, so is the state where it is read; it adds up in float. Numbers must be finite. Tokens past the last are
// never asked for.

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/sm80/register_tile.hpp>
#include <tenon/kernels/atoms/sm80/shared_tile.hpp>
#include <tenon/kernels/shared/linear_letters.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

template <class Leaf, int Dim, beside Beside, class Number = bf16>
struct linear_attention_words {
  static constexpr int chunk = 64, value_warps = Dim / 16, threads = 32 * (value_warps + (Beside == beside::totals ? 1 : 0));
  using place = fragments::sm80::mma_d;
  using tile = shared_tile<Leaf, Dim>;
  using score_tile = shared_tile<Leaf, chunk>;
  using address = typename Leaf::address;
  static_assert(Dim >= 64 && Dim % 64 == 0, "[dim] of linear attention on GPUs is 64 or 128.");

  // Shared memory: a, b, c, scores, and what stands beside each token: its total, or the weights of a and of b.
  static constexpr address tile_bytes = chunk * tile::row_bytes, keys_at = tile_bytes, values_at = 2 * tile_bytes, scores_at = 3 * tile_bytes;
  static constexpr address a_beside_at = scores_at + chunk * score_tile::row_bytes, b_beside_at = a_beside_at + chunk * 4;
  static constexpr int shared_bytes = static_cast<int>(a_beside_at) + (Beside == beside::weights ? 2 : Beside == beside::totals ? 1 : 0) * chunk * 4;

  int warp;
  float state[Dim / 8][4];   ///< S^T of this warp's columns: [16][8] each
  float out[chunk / 16][2][4];  // of this warp's columns
  float weighed[2][2] = {};     // the sums of b's weights times c, of the lane's columns
  bool read = false, settled = false;  // what lies in shared memory; the same for all threads

  TENON_BOTH TENON_INLINE linear_attention_words() : warp(Leaf::uniform(Leaf::thread() / 32)) {
    TENON_UNROLL for (auto& each : state)
      TENON_UNROLL for (float& x : each) x = 0;
  }
  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }
  TENON_BOTH TENON_INLINE bool counts() const { return Beside == beside::totals && warp == value_warps; }  ///< this warp owns the ones

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
    take(0, q1 - q0, [&](int row, int column, float(&to)[8]) TENON_LAMBDA { in.a(q0 + row, column, to); });
    if constexpr (Beside == beside::weights) take_beside(a_beside_at, q1 - q0, [&](int row) TENON_LAMBDA { return in.a_weight(q0 + row); });
  }
  template <class Source>
  TENON_BOTH TENON_INLINE void take_keys(const Source& in, int k0, int k1) {
    begin();
    take(keys_at, k1 - k0, [&](int row, int column, float(&to)[8]) TENON_LAMBDA { in.b(k0 + row, column, to); });
    take(values_at, k1 - k0, [&](int row, int column, float(&to)[8]) TENON_LAMBDA { in.c(k0 + row, column, to); });
    if constexpr (Beside == beside::weights) take_beside(b_beside_at, k1 - k0, [&](int row) TENON_LAMBDA { return in.b_weight(k0 + row); });
  }

  /// out = a S.
  TENON_BOTH TENON_INLINE void recall(int, int) {
    settle();
    TENON_UNROLL for (int i = 0; i < chunk / 16; ++i)
      TENON_UNROLL for (int e = 0; e < 4; ++e) {
        const float weight = Beside == beside::weights ? beside_of(a_beside_at, 16 * i + place::at(lane(), e).row) : 0.0f;
        TENON_UNROLL for (int j = 0; j < 2; ++j) out[i][j][e] = Beside == beside::weights ? weight * weighed[j][e % 2] : 0.0f;
      }
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
  template <class Source>
  TENON_BOTH TENON_INLINE void attend(const Source& in, int q0, int, int k0, int, int first) {
    if (!in.attends()) return;
    if (warp < chunk / 16) {
      const typename tile::lane_rows a_at(Leaf::shared() + static_cast<address>(16 * warp * tile::row_bytes), lane(), tile::order::rows_first);
      const typename tile::lane_rows b_at(Leaf::shared() + keys_at, lane(), tile::order::chunks_first);
      TENON_UNROLL for (int key0 = 0; key0 < chunk; key0 += 32) {  // in halves: the state has most of the registers
        float s[1][4][4];
        multiply_rows<Leaf, Number, Dim / 16>(s, a_at, [&](int row, int step) TENON_LAMBDA { return b_at(key0 + row, step); });
        TENON_UNROLL for (int n = 0; n < 4; ++n)
          TENON_UNROLL for (int half = 0; half < 2; ++half) {
            const fragment_place at = place::at(lane(), 2 * half);
            const int row = 16 * warp + at.row, key = key0 + 8 * n + at.column, ahead = first + q0 + row - k0 - key;  // of the first of two keys
            float one = s[0][n][2 * half], other = s[0][n][2 * half + 1];
            if constexpr (Beside == beside::weights) {
              const float weight = beside_of(a_beside_at, row);
              one += weight * beside_of(b_beside_at, key), other += weight * beside_of(b_beside_at, key + 1);
            }
            one = in.pair(ahead, one), other = in.pair(ahead - 1, other);
            one = ahead >= 0 ? one : 0.0f, other = ahead >= 1 ? other : 0.0f;
            Leaf::store_shared(Leaf::shared() + scores_at + score_tile::offset(row, key0 / 8 + n) + static_cast<address>(at.column * 2), Leaf::template pack<Number>(one, other));
          }
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
  /// Rows [q0, q1) of the output; where c has ones beside it, times what the source makes of their totals.
  template <class Source>
  TENON_BOTH TENON_INLINE void store(const Source& in, int q0, int q1) const {
    const int row0 = place::at(lane(), 0).row;
    if constexpr (Beside == beside::totals) {
      if (counts() && lane() % 4 == 0)
        TENON_UNROLL for (int i = 0; i < chunk / 16; ++i)
          TENON_UNROLL for (int half = 0; half < 2; ++half) {
            const int row = 16 * i + row0 + 8 * half;
            Leaf::store_shared(Leaf::shared() + a_beside_at + static_cast<address>(4 * row), out[i][0][2 * half]);
            if (q0 + row < q1) in.store_total(q0 + row, out[i][0][2 * half]);
          }
      Leaf::barrier();
      if (counts()) return;
    }
    TENON_UNROLL for (int i = 0; i < chunk / 16; ++i)
      TENON_UNROLL for (int half = 0; half < 2; ++half) {
        const int row = 16 * i + row0 + 8 * half;
        if (q0 + row >= q1) continue;
        float by = 1;
        if constexpr (Beside == beside::totals) by = in.inverse(beside_of(a_beside_at, row));
        TENON_UNROLL for (int j = 0; j < 2; ++j) in.store(q0 + row, 16 * warp + 8 * j + place::at(lane(), 0).column, {out[i][j][2 * half] * by, out[i][j][2 * half + 1] * by});
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
    if constexpr (Beside == beside::weights) weigh();
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

  // What stands beside a token.
  TENON_BOTH TENON_INLINE static float beside_of(address at, int row) { return Leaf::template load_shared<float>(Leaf::shared() + at + static_cast<address>(4 * row)); }
  template <class F>
  TENON_BOTH TENON_INLINE static void take_beside(address to, int count, const F& of) {
    static_assert(threads >= chunk);
    const int row = Leaf::thread();
    if (row < chunk) Leaf::store_shared(Leaf::shared() + to + static_cast<address>(4 * row), row < count ? of(row) : 0.0f);
  }
  // weighed += b's weights times c. Lanes of a column take every eighth token, and add up in pairs.
  TENON_BOTH TENON_INLINE void weigh() {
    const int lane = this->lane();
    float sum[2][2] = {};
    TENON_UNROLL for (int t = 0; t < chunk; t += 8) {
      const int row = t + place::at(lane, 0).row;
      const float weight = beside_of(b_beside_at, row);
      TENON_UNROLL for (int j = 0; j < 2; ++j) {
        float two[2];
        unpack_two<Number>(Leaf::template load_shared<std::uint32_t>(Leaf::shared() + values_at + tile::offset(row, 2 * warp + j) + static_cast<address>(2 * place::at(lane, 0).column)), two);
        TENON_UNROLL for (int e = 0; e < 2; ++e) sum[j][e] += weight * two[e];
      }
    }
    TENON_UNROLL for (int j = 0; j < 2; ++j)
      TENON_UNROLL for (int e = 0; e < 2; ++e) {
        TENON_UNROLL for (int mask = 4; mask < 32; mask *= 2) sum[j][e] += Leaf::shuffle_xor(sum[j][e], mask);
        weighed[j][e] += sum[j][e];
      }
  }

  // Rows [0, count) of a letter into the tile at `to`, eight numbers at a time; zeros past the last.
  template <class Letter>
  TENON_BOTH TENON_INLINE static void take(address to, int count, const Letter& of) {
    for (int i = Leaf::thread(); i < chunk * tile::chunks; i += threads) {
      const int row = i / tile::chunks, eight = i % tile::chunks;
      bits128 packed{};
      if (row < count) {
        float x[8];
        of(row, 8 * eight, x);
        TENON_UNROLL for (int e = 0; e < 4; ++e) packed.word[e] = Leaf::template pack<Number>(x[2 * e], x[2 * e + 1]);
      }
      Leaf::store_shared(Leaf::shared() + to + tile::offset(row, eight), packed);
    }
  }
};

}  // namespace atoms::sm80
TENON_KERNELS_END
