#pragma once
// The words of linear attention on AMD's GPUs, for the skeleton of the processors. The state S [feature, column] stays in registers: a wave owns `side`
// columns of the values, one to a lane and to the lane `side` above it, so that S, rounded, is the right operand of `recall`. What stands beside
// (shared/linear_letters.hpp): totals have one wave more, which owns a column of ones; weights have no matrix, each lane adds them in float. Scores of a
// chunk belong to the first waves and go to all through shared memory.
//
// Features lie in straight tiles in the order in which lanes hold them in S: products along them want that of both operands. Numbers must be
// finite. Tokens past the last are never asked for.

#include <tenon/kernels/atoms/amd/lane_tile.hpp>
#include <tenon/kernels/shared/linear_letters.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

template <class Leaf, int Dim, beside Beside, class Number = bf16>
struct linear_attention_words {
  static constexpr int side = Leaf::side, value_waves = Dim / side, threads = Leaf::lanes * (value_waves + (Beside == beside::totals ? 1 : 0));
  static constexpr int chunk = Dim <= 64 ? 64 : 32, tiles = chunk / side;  ///< tokens; shared memory decides
  using tile = lane_tile<Leaf, Dim, Number>;
  using score_tile = lane_tile<Leaf, chunk, Number>;
  using address = typename Leaf::address;
  using operand = typename tile::operand;
  using sums = typename tile::sums;
  static constexpr int per_tile = tile::per_tile;
  static_assert(tiles <= value_waves && chunk <= threads);

  // Shared memory: a and b straight, b and c crossed, scores straight, and what stands beside each token: its total, or the weights of a and of b.
  static constexpr address straight_bytes = chunk * tile::row_bytes, crossed_bytes = chunk * Dim * 2;
  static constexpr address keys_at = straight_bytes, crossed_keys_at = 2 * straight_bytes, values_at = crossed_keys_at + crossed_bytes, scores_at = values_at + crossed_bytes;
  static constexpr address a_beside_at = scores_at + chunk * score_tile::row_bytes, b_beside_at = a_beside_at + chunk * 4;
  static constexpr int shared_bytes = static_cast<int>(a_beside_at) + (Beside == beside::weights ? 2 : Beside == beside::totals ? 1 : 0) * chunk * 4;

  int wave;
  sums state[Dim / side];              ///< this wave's columns of S
  sums out[tiles];                     // of this wave's columns
  float weighed = 0;                   // the sum of b's weights times c, of the lane's column
  bool read = false, settled = false;  // what lies in shared memory; the same for all threads

  TENON_BOTH TENON_INLINE linear_attention_words() : wave(Leaf::uniform(Leaf::thread() / Leaf::lanes)) {
    TENON_UNROLL for (sums& each : state) each = sums{};
  }
  TENON_BOTH TENON_INLINE bool counts() const { return Beside == beside::totals && wave == value_waves; }  ///< this wave owns the ones
  TENON_BOTH TENON_INLINE int column() const { return wave * side + tile::lane() % side; }

  /// The state to or from memory, [feature][columns], of which column Dim holds the sums of the features: f(place, value).
  template <class F>
  TENON_BOTH TENON_INLINE void each_of_state(int columns, const F& f) {
    if (column() > Dim) return;
    TENON_UNROLL for (int t = 0; t < Dim / side; ++t)
      TENON_UNROLL for (int e = 0; e < per_tile; ++e) {
        float value = state[t][e];
        f((t * side + tile::first_row() + tile::row_of(e)) * columns + column(), value);
        state[t][e] = value;
      }
  }

  template <class Source>
  TENON_BOTH TENON_INLINE void take_queries(const Source& in, int q0, int q1) {
    begin();
    each_pair(q1 - q0, [&](int row, int dim, float(&to)[2]) TENON_LAMBDA { in.a(q0 + row, dim, to); },
              [](int group, int dim, const std::uint32_t(&rows)[8]) TENON_LAMBDA { tile::store_straight(Leaf::shared(), group, place_of(dim), rows); });
    if constexpr (Beside == beside::weights) take_beside(a_beside_at, q1 - q0, [&](int row) TENON_LAMBDA { return in.a_weight(q0 + row); });
  }
  template <class Source>
  TENON_BOTH TENON_INLINE void take_keys(const Source& in, int k0, int k1) {
    begin();
    each_pair(k1 - k0, [&](int row, int dim, float(&to)[2]) TENON_LAMBDA { in.b(k0 + row, dim, to); },
              [](int group, int dim, const std::uint32_t(&rows)[8]) TENON_LAMBDA {
                tile::store_straight(Leaf::shared() + keys_at, group, place_of(dim), rows);
                tile::store_crossed(Leaf::shared() + crossed_keys_at, group, dim, rows);
              });
    each_pair(k1 - k0, [&](int row, int dim, float(&to)[2]) TENON_LAMBDA { in.c(k0 + row, dim, to); },
              [](int group, int dim, const std::uint32_t(&rows)[8]) TENON_LAMBDA { tile::store_crossed(Leaf::shared() + values_at, group, dim, rows); });
    if constexpr (Beside == beside::weights) take_beside(b_beside_at, k1 - k0, [&](int row) TENON_LAMBDA { return in.b_weight(k0 + row); });
  }

  /// out = a S.
  TENON_BOTH TENON_INLINE void recall(int, int) {
    settle();
    bits128 s[Dim / 16];
    tile::pack(s, state);
    TENON_UNROLL for (sums& each : out) each = sums{};
    if constexpr (Beside == beside::weights) {
      const int own = first_row();
      TENON_UNROLL for (int i = 0; i < tiles; ++i)
        TENON_UNROLL for (int e = 0; e < per_tile; ++e) out[i][e] = beside_of(a_beside_at, own + further(i, e)) * weighed;
    }
    TENON_UNROLL for (int step = 0; step < Dim / 16; ++step) {
      const operand right = tile::gathered(s[step]);
      TENON_UNROLL for (int i = 0; i < tiles; ++i) Leaf::template multiply<Number>(out[i], tile::template take<16>(lane_row<tile>(0, i * side) + static_cast<address>(32 * step)), right);
    }
  }
  /// out += (a b^T) c over keys at or before each query, which stands at position first + its row.
  template <class Source>
  TENON_BOTH TENON_INLINE void attend(const Source& in, int q0, int, int k0, int, int first) {
    if (!in.attends()) return;
    if (wave < tiles) {
      const int row = wave * side + Leaf::row_of(tile::lane() % side);  // so that neighbours read and write neighbours
      operand a[Dim / 16];
      const address at = Leaf::shared() + tile::straight_place(row) + static_cast<address>(tile::first_chunk() * 16);
      TENON_UNROLL for (int step = 0; step < Dim / 16; ++step) a[step] = tile::template take<16>(at + static_cast<address>(32 * step));
      sums s[tiles];  // keys by queries
      tile::multiply_rows(s, Leaf::shared() + keys_at, a);
      const int own = first_row(), last = first + q0 + row - k0 - own;  // key that the row sees, counted from the lane's first
      const float weight = Beside == beside::weights ? beside_of(a_beside_at, row) : 0.0f;
      TENON_UNROLL for (int n = 0; n < tiles; ++n)
        TENON_UNROLL for (int e = 0; e < per_tile; ++e) {
          float score = s[n][e];
          if constexpr (Beside == beside::weights) score += weight * beside_of(b_beside_at, own + further(n, e));
          score = in.pair(last - further(n, e), score);
          s[n][e] = further(n, e) <= last ? score : 0.0f;
        }
      bits128 packed[chunk / 16];
      tile::pack(packed, s);
      TENON_UNROLL for (int n = 0; n < chunk / 16; ++n)
        Leaf::store_shared(Leaf::shared() + scores_at + score_tile::straight_place(row) + static_cast<address>(32 * n + tile::lane() / side * 16), packed[n]);
    }
    Leaf::barrier();
    TENON_UNROLL for (int step = 0; step < chunk / 16; ++step) {
      const operand right = own_values(step);
      TENON_UNROLL for (int i = 0; i < tiles; ++i)
        Leaf::template multiply<Number>(out[i], tile::template take<16>(lane_row<score_tile>(scores_at, i * side) + static_cast<address>(32 * step)), right);
    }
  }
  /// Rows [q0, q1) of the output; where c has ones beside it, times what the source makes of their totals.
  template <class Source>
  TENON_BOTH TENON_INLINE void store(const Source& in, int q0, int q1) const {
    const int own = first_row();
    if constexpr (Beside == beside::totals) {
      if (counts() && tile::lane() % side == 0)
        TENON_UNROLL for (int i = 0; i < tiles; ++i)
          TENON_UNROLL for (int e = 0; e < per_tile; ++e) {
            const int row = own + further(i, e);
            const float total = out[i][e];
            Leaf::store_shared(Leaf::shared() + a_beside_at + static_cast<address>(4 * row), total);
            if (q0 + row < q1) in.store_total(q0 + row, total);
          }
      Leaf::barrier();
      if (counts()) return;
    }
    TENON_UNROLL for (int i = 0; i < tiles; ++i)
      TENON_UNROLL for (int e = 0; e < per_tile; ++e) {
        const int row = own + further(i, e);
        if (q0 + row >= q1) continue;
        float by = 1;
        if constexpr (Beside == beside::totals) by = in.inverse(beside_of(a_beside_at, row));
        in.store(q0 + row, column(), {out[i][e] * by});
      }
  }
  /// S += b^T c.
  TENON_BOTH TENON_INLINE void absorb(int, int) {
    settle();
    tile::template add_steps<chunk / 16>(state, Leaf::shared() + crossed_keys_at, [this](int step) TENON_LAMBDA { return own_values(step); });
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
  // Where a feature lies in its row: the 8 of 16 that a lane holds in S side by side.
  TENON_BOTH TENON_INLINE static constexpr int place_of(int feature) {
    int place = 0;
    for (int half = 0; half < 2; ++half)
      for (int four = 0; four < 8; four += 4)
        if (tile::row_of_group(half, four) == feature % 16 / 4 * 4) place = feature / 16 * 16 + half * 8 + four + feature % 4;
    return place;
  }
  // A lane's row of a straight tile, as a left operand.
  template <class Tile>
  TENON_BOTH TENON_INLINE static address lane_row(address to, int row0) {
    return Leaf::shared() + to + static_cast<address>((row0 + tile::lane() % side) * Tile::row_bytes + tile::first_chunk() * 16);
  }
  // 16 tokens of this lane's column of the values, or of the ones.
  TENON_BOTH TENON_INLINE operand own_values(int step) const {
    operand values{};
    if (!counts()) return tile::template take<Dim * 16>(Leaf::shared() + values_at + tile::crossed_place(tile::first_chunk() + 2 * step, column()));
    if (tile::lane() % side == 0)
      TENON_UNROLL for (auto& chunk_of : values.chunk) chunk_of = chunk_of + Leaf::template pack<Number>(1, 1);
    return values;
  }

  // Row of the lane's first element in each tile of the output, and of the scores; and of element e of tile i.
  TENON_BOTH TENON_INLINE static int first_row() { return tile::place::at(Leaf::anew(tile::lane()), 0).row; }
  TENON_BOTH TENON_INLINE static constexpr int further(int i, int e) { return i * side + tile::row_of(e); }
  // What stands beside a token.
  TENON_BOTH TENON_INLINE static float beside_of(address at, int row) { return Leaf::template load_shared<float>(Leaf::shared() + at + static_cast<address>(4 * row)); }
  template <class F>
  TENON_BOTH TENON_INLINE static void take_beside(address to, int count, const F& of) {
    const int row = Leaf::thread();
    if (row < chunk) Leaf::store_shared(Leaf::shared() + to + static_cast<address>(4 * row), row < count ? of(row) : 0.0f);
  }
  // weighed += b's weights times c. Where the halves of a wave hold other tokens, each adds its own, then both.
  TENON_BOTH TENON_INLINE void weigh() {
    float sum = 0;
    TENON_UNROLL for (int step = 0; step < chunk / 16; ++step) {
      const operand values = own_values(step);
      TENON_UNROLL for (int c = 0; c < Leaf::chunks; ++c)
        TENON_UNROLL for (int i = 0; i < 8; i += 2) {
          const int group = 2 * step + (Leaf::chunks == 1 ? tile::first_chunk() : c);
          float two[2];
          unpack_two<Number>(values.chunk[c][i / 2], two);
          TENON_UNROLL for (int e = 0; e < 2; ++e) sum += beside_of(b_beside_at, tile::row_of_group(group, i + e)) * two[e];
        }
    }
    if constexpr (Leaf::chunks == 1) sum += Leaf::shuffle_xor(sum, side);
    weighed += sum;
  }

  // Two dims of 8 rows of a letter at a time: to(group, dim, rows). Zeros past the last row.
  template <class Letter, class To>
  TENON_BOTH TENON_INLINE static void each_pair(int count, const Letter& of, const To& to) {
    for (int item = Leaf::anew(Leaf::thread()); item < chunk * Dim / 16; item += threads) {
      const int group = item / (Dim / 2), dim = item % (Dim / 2) * 2;
      std::uint32_t rows[8];
      TENON_UNROLL for (int i = 0; i < 8; ++i) {
        const int row = tile::row_of_group(group, i);
        rows[i] = 0;
        if (row >= count) continue;
        float two[2];
        of(row, dim, two);
        rows[i] = Leaf::template pack<Number>(two[0], two[1]);
      }
      to(group, dim, rows);
    }
  }
};

}  // namespace atoms::amd
TENON_KERNELS_END
