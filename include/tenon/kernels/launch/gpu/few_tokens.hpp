#pragma once
// out [token, row] = x [token, depth] w [row, depth]^T of few tokens on a GPU, which takes as long as reading w: a decoding step. A block has 16
// rows of w (a panel); its warps share the depth, a lane four rows and eight of the depth at a time. Moves: w once per `Tokens` tokens.
//
// Order of summation: each lane its octets along the depth, then lanes in pairs, then warps in order: a token's bits depend neither on the
// other tokens nor on the grid. x is used as it is, weights as they are stored, in single precision. Reference: kernels/reference/matmul.hpp.

#include <tenon/kernels/shared/device_sink.hpp>
#include <tenon/kernels/shared/lane_weights.hpp>

TENON_KERNELS_BEGIN

/// The kernel as a body. Grid: x = panels of w, y = tiles of `Tokens` tokens. With two Matrices of one format, out = open(x w[0]^T, x w[1]^T) by
/// Join. Sinks start at token 0 and row 0.
template <class Leaf, class Format, int Tokens, int Matrices, class Out, class Join>
struct few_tokens_body {
  using address = typename Leaf::address;
  static constexpr int threads = 256, warps = threads / Leaf::lanes;
  static constexpr int shared_bytes = warps * Matrices * Tokens * panel::columns * 4;
  static constexpr int at_once = 2;  ///< parts that a lane has on their way

  const float* x;  ///< [token, depth]
  const std::byte* w[Matrices];
  device_sink<Leaf, Out, Join> sink;
  index_t x_stride, pitch;  ///< pitch: bytes of a panel
  int depth;
  bool wide;  ///< whether every row of x begins at a multiple of 16 bytes

  TENON_BOTH void operator()() const {
    constexpr int parts_of_warp = Leaf::lanes / 32, step = warps * parts_of_warp;
    const int lane = Leaf::thread() % Leaf::lanes, warp = Leaf::uniform(Leaf::thread() / Leaf::lanes);
    const int quarter = lane % 4, octet = lane / 4 % 8;
    const int first_token = Leaf::block_y() * Tokens, parts = (depth + 63) / 64;
    float sums[Matrices][Tokens][4] = {};
    for (int part = warp * parts_of_warp + lane / 32; part < parts; part += at_once * step) {
      lane_weights<Leaf, Format> of[at_once][Matrices];
      float values[at_once][Tokens][8];
      TENON_UNROLL for (int i = 0; i < at_once; ++i) {
        if (part + i * step >= parts) break;
        TENON_UNROLL for (int m = 0; m < Matrices; ++m)
          of[i][m].load(w[m] + Leaf::block_x() * pitch, pitch, part + i * step, octet, quarter, sink.rows - Leaf::block_x() * panel::columns, depth);
        TENON_UNROLL for (int t = 0; t < Tokens; ++t) load_x(first_token + t, part + i * step, octet, values[i][t]);
      }
      TENON_UNROLL for (int i = 0; i < at_once; ++i) {
        if (part + i * step >= parts) break;  // not times zeros: a weight may be infinite
        TENON_UNROLL for (int m = 0; m < Matrices; ++m) {
          TENON_UNROLL for (int r = 0; r < 4; ++r) {
            float low[4], high[4];
            of[i][m].numbers(r, octet, low, high);
            TENON_UNROLL for (int t = 0; t < Tokens; ++t) {
              TENON_UNROLL for (int k = 0; k < 4; ++k) sums[m][t][r] = __builtin_fmaf(low[k], values[i][t][k], sums[m][t][r]);
              TENON_UNROLL for (int k = 0; k < 4; ++k) sums[m][t][r] = __builtin_fmaf(high[k], values[i][t][4 + k], sums[m][t][r]);
            }
          }
        }
      }
    }
    TENON_UNROLL for (int m = 0; m < Matrices; ++m)
      TENON_UNROLL for (int t = 0; t < Tokens; ++t) {
        for (int mask = 4; mask < Leaf::lanes; mask *= 2)
          TENON_UNROLL for (int r = 0; r < 4; ++r) sums[m][t][r] += Leaf::shuffle_xor(sums[m][t][r], mask);
        if (lane < 4) Leaf::store_shared(place(warp, m, t, quarter), packed(sums[m][t]));
      }
    Leaf::barrier();
    if (Leaf::thread() < 4 * Tokens) store(first_token, Leaf::thread() / 4, Leaf::thread() % 4);
  }

 private:
  // Eight values of a token; zeros beyond the depth.
  TENON_BOTH TENON_INLINE void load_x(int token, int part, int octet, float (&to)[8]) const {
    const int first = part * 64 + octet * 8;
    const float* const from = x + (token < sink.tokens ? token : sink.tokens - 1) * x_stride + first;
    if (wide && first + 8 <= depth) {
      TENON_UNROLL for (int half = 0; half < 2; ++half) {
        const bits128 four = Leaf::load(reinterpret_cast<const bits128*>(from + 4 * half));
        TENON_UNROLL for (int e = 0; e < 4; ++e) to[4 * half + e] = bit_cast<float>(four.word[e]);
      }
    } else {
      TENON_UNROLL for (int e = 0; e < 8; ++e) to[e] = first + e < depth ? Leaf::load(from + e) : 0.0f;
    }
  }
  // Where a warp leaves its sums of four rows.
  TENON_BOTH TENON_INLINE static address place(int warp, int matrix, int token, int quarter) {
    return Leaf::shared() + static_cast<address>((((warp * Matrices + matrix) * Tokens + token) * 4 + quarter) * 16);
  }
  TENON_BOTH TENON_INLINE static bits128 packed(const float (&value)[4]) {
    return {{bit_cast<std::uint32_t>(value[0]), bit_cast<std::uint32_t>(value[1]), bit_cast<std::uint32_t>(value[2]), bit_cast<std::uint32_t>(value[3])}};
  }
  TENON_BOTH TENON_INLINE void store(int first_token, int token, int quarter) const {
    const int row = Leaf::block_x() * panel::columns + 4 * quarter;
    float all[Matrices][4];
    TENON_UNROLL for (int m = 0; m < Matrices; ++m)
      TENON_UNROLL for (int of_warp = 0; of_warp < warps; ++of_warp) {
        const bits128 four = Leaf::template load_shared<bits128>(place(of_warp, m, token, quarter));
        TENON_UNROLL for (int e = 0; e < 4; ++e) all[m][e] = of_warp == 0 ? bit_cast<float>(four.word[e]) : all[m][e] + bit_cast<float>(four.word[e]);
      }
    if constexpr (Matrices == 2)
      TENON_UNROLL for (int e = 0; e < 4; ++e) all[0][e] = sink.open(row + e, all[0][e], all[1][e]);
    float bias[4];
    sink.bias_of(row, bias);
    sink.store(first_token + token, row, packed(all[0]), bias);
  }
};

TENON_KERNELS_END
