#pragma once
// Products of quantised weights with activations of one or two bytes. Integer sums are exact within a scale group; then sum =
// fma(float(integer), scale * x_scale, sum), and, where a format has minima, sum = fma(least, x_total, sum): the same through dots and
// through matrix registers, bit for bit. Two bytes cost twice the dots: 128 times the sum of the high ones starts that of the low ones.
// Their x_scale is that of a stretch, whose sum is multiplied with it at the end.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/shared/activation.hpp>
#include <tenon/kernels/shared/panel.hpp>
#include <tenon/kernels/shared/product_group.hpp>
#include <tenon/kernels/shared/unroll.hpp>

TENON_KERNELS_BEGIN

/// 32 values of depth of one panel, unpacked for byte dot products.
struct alignas(64) byte_block {
  std::uint8_t q[8][64];
  float scale[2][16];  ///< of each half of the block; equal where a format has one scale per block
  float least[16];
};

/// `depth` values of one panel; quanta as they are or, for matrix registers, with their offset subtracted: signed bytes.
template <class Leaf, class Format, bool Signed>
void unpack_bytes(const std::byte* slab, index_t depth, byte_block* to) noexcept {
  for (index_t k = 0; k < depth; k += Format::depth, slab += Format::bytes)
    for (int step = 0; step < Format::depth / panel::step_depth; step += 2, ++to) {
      unroll<2>([&](auto half) TENON_LAMBDA {
        unroll<4>([&](auto quad) TENON_LAMBDA {
          auto q = Format::template quanta<Leaf, quad>(slab, step + half);
          if constexpr (Signed && Format::offset != 0) q = Leaf::less(q, Format::offset);
          Leaf::store_bytes(to->q[4 * half + quad], q);
        });
        Leaf::store(to->scale[half], Format::template scale<Leaf>(slab, step + half));
      });
      if constexpr (Format::how == panel::correction::least) Leaf::store(to->least, Format::template least<Leaf>(slab, step));
    }
}

template <class Leaf, product_shape Shape, int Bytes>
struct byte_words {
  template <int Tokens>
  using x_block = activation::quantised_block<Tokens, Bytes>;
  using floats = typename Leaf::floats;
  using ints = typename Leaf::ints;
  /// The depth that is unpacked at a time: three panels then stay in the first-level cache.
  static constexpr index_t stretch = 512;
  /// Whether a stretch has one scale of x.
  static constexpr bool late = activation::quantised<Bytes>::stretch == stretch;
  static_assert(late || activation::quantised<Bytes>::stretch == 32);
  static constexpr std::size_t unpacked_bytes = stretch / 32 * sizeof(byte_block) * Shape.byte_panels;

  /// One token: quanta are unpacked in registers. sums [panels][16].
  template <class Format>
  static void one(const std::byte* const* packed, index_t depth, const x_block<1>* x, float* sums) noexcept {
    constexpr int steps = Format::depth / panel::step_depth;
    const x_block<1>* const first = x;
    for (int p = 0; p < Shape.byte_panels; ++p) {
      float* const to = sums + 16 * p;
      const index_t pitch = depth / Format::depth * Format::bytes;
      x = first;
      for (index_t at = 0, from = 0; at < pitch; from += stretch) {
        floats total = begun(to, from == 0);
        const index_t deep = depth - from < stretch ? depth - from : stretch;
        for (const index_t end = at + deep / Format::depth * Format::bytes; at < end; at += Format::bytes)
          for (int step = 0; step < steps; step += 2, ++x) {
            fetch_slab_ahead<1, Format::bytes, steps / 2>(packed + p, at, pitch, step / 2);
            total = dot_packed<Format>(packed[p] + at, step, *x, total);
          }
        Leaf::store(to, ended(total, x[-1].scale[0], to, from == 0));
      }
    }
  }

  /// Tiles of tokens; Tiled: through matrix registers. sums [token][panels][16].
  template <panel::correction How, bool Tiled>
  static void many(const panel_group& packed, void (*unpacker)(const std::byte*, index_t, byte_block*), index_t depth, const std::byte* x,
                   index_t tokens, float* sums, byte_block* unpacked) noexcept {
    constexpr int group = Shape.byte_panels, rows = Tiled ? token_tile : Shape.byte_rows,
                  tile_deep = How == panel::correction::offset_32_halves ? 16 : 32;
    const auto* blocks = reinterpret_cast<const x_block<token_tile>*>(x);
    if constexpr (Tiled)
      Leaf::tiles::configure({{16, 64}, {16, 64}, {16, tile_deep}, {16, tile_deep}, {tile_deep / 4, 64}, {tile_deep / 4, 64}, {}});
    for (index_t from = 0; from < depth; from += stretch) {
      const index_t deep = depth - from < stretch ? depth - from : stretch;
      for (int p = 0; p < group; ++p) unpacker(packed.at(p, from), deep, unpacked + p * (deep / 32));
      for (index_t t = 0; t < tokens; t += rows) {
        fetch_ahead<group>(packed, depth, from, stretch, t / rows, (tokens + rows - 1) / rows);
        const auto* block = blocks + t / token_tile * (depth / 32) + from / 32;
        if constexpr (Tiled)
          multiply_tile<How, tile_deep>(unpacked, deep, block, sums + t * group * 16, from == 0);
        else
          multiply<How, rows, group>(unpacked, deep, block, static_cast<int>(t % token_tile), sums + t * group * 16, from == 0);
      }
    }
    if constexpr (Tiled) Leaf::tiles::release();
  }

 private:
  // Where an integer sum starts, so that the offset of the quanta costs nothing.
  template <panel::correction How, int Tokens>
  TENON_INLINE static ints start(const x_block<Tokens>& x, int row, int half) {
    using panel::correction;
    if constexpr (How == correction::offset_128) return Leaf::broadcast_int(x.less_128 + row);
    if constexpr (How == correction::offset_8) return Leaf::broadcast_int(x.less_8 + row);
    if constexpr (How == correction::offset_32_halves) return Leaf::broadcast_int(x.less_32[half] + row);
    return Leaf::zero_ints();
  }

  // A stretch's sums of one row: where they start, what a scale of the weights becomes, and what the sums become at the end.
  TENON_INLINE static floats begun(const float* sums, bool first) { return late || first ? Leaf::zero() : Leaf::load(sums); }
  TENON_INLINE static floats scaled_by(const floats& scale, float x_scale) {
    if constexpr (late) return scale;
    return Leaf::mul(scale, Leaf::broadcast(x_scale));
  }
  TENON_INLINE static floats ended(const floats& total, float x_scale, const float* sums, bool first) {
    if constexpr (!late) return total;
    return Leaf::fma(total, Leaf::broadcast(x_scale), first ? Leaf::zero() : Leaf::load(sums));
  }

  // One block of 32 values of one packed panel with one token.
  template <class Format>
  TENON_INLINE static floats dot_packed(const std::byte* slab, int step, const x_block<1>& x, floats total) {
    constexpr bool halves = Format::how == panel::correction::offset_32_halves;
    const auto add = [&](const ints& sum, int at) TENON_LAMBDA {
      total = Leaf::fma(Leaf::to_floats(sum), scaled_by(Format::template scale<Leaf>(slab, at), x.scale[0]), total);
    };
    ints sum[Bytes];  // the last of them starts with the correction
    unroll<2>([&](auto half) TENON_LAMBDA {
      if constexpr (halves || half == 0) {
        sum[0] = Leaf::zero_ints();
        sum[Bytes - 1] = start<Format::how>(x, 0, half);
      }
      unroll<4>([&](auto quad) TENON_LAMBDA {
        const auto quanta = Format::template quanta<Leaf, quad>(slab, step + half);
        for (int byte = 0; byte < Bytes; ++byte)
          sum[byte] = Leaf::template dot<panel::largest_quantum(Format::how)>(sum[byte], quanta,
                                                                              Leaf::broadcast_int(x.q[byte][0] + 16 * half + 4 * quad));
      });
      if constexpr (halves || half == 1) {
        if constexpr (Bytes == 2) sum[1] = Leaf::plus_128_times(sum[1], sum[0]);
        add(sum[Bytes - 1], step + half);
      }
    });
    if constexpr (Format::how == panel::correction::least)
      total = Leaf::fma(Format::template least<Leaf>(slab, step), Leaf::broadcast(x.total[0]), total);
    return total;
  }

  // Rows tokens of a tile with w[Panels][depth / 32].
  template <panel::correction How, int Rows, int Panels>
  static void multiply(const byte_block* w, index_t depth, const x_block<token_tile>* x, int row, float* sums,
                       bool first) noexcept {
    constexpr bool halves = How == panel::correction::offset_32_halves;
    floats total[Rows][Panels];
    each_sum<Rows, Panels>([&](int r, int p)
                               TENON_LAMBDA { total[r][p] = begun(sums + (r * Panels + p) * 16, first); });
    for (index_t blocks = depth / 32, b = 0; b < blocks; ++b, ++x, ++w) {
      unroll<halves ? 2 : 1>([&](auto half) TENON_LAMBDA {
        ints sum[Rows][Panels];
        unroll<Bytes>([&](auto byte) TENON_LAMBDA {
          each_sum<Rows, Panels>([&](int r, int p) TENON_LAMBDA {
            if constexpr (byte + 1 < Bytes)
              sum[r][p] = Leaf::zero_ints();
            else if constexpr (Bytes == 1)
              sum[r][p] = start<How>(*x, row + r, half);
            else
              sum[r][p] = Leaf::plus_128_times(start<How>(*x, row + r, half), sum[r][p]);
          });
          unroll<halves ? 4 : 8>([&](int i) TENON_LAMBDA {
            const int quad = 4 * half + i;
            typename Leaf::bytes column[Panels];
            unroll<Panels>([&](int p) TENON_LAMBDA { column[p] = Leaf::load_bytes(w[p * blocks].q[quad]); });
            unroll<Rows>([&](int r) TENON_LAMBDA {
              const auto value = Leaf::broadcast_int(x->q[byte][row + r] + 4 * quad);
              unroll<Panels>([&](int p) TENON_LAMBDA {
                sum[r][p] = Leaf::template dot<panel::largest_quantum(How)>(sum[r][p], column[p], value);
              });
            });
          });
        });
        each_sum<Rows, Panels>([&](int r, int p) TENON_LAMBDA {
          const auto scale = scaled_by(Leaf::load(w[p * blocks].scale[half]), x->scale[row + r]);
          total[r][p] = Leaf::fma(Leaf::to_floats(sum[r][p]), scale, total[r][p]);
        });
      });
      if constexpr (How == panel::correction::least)
        each_sum<Rows, Panels>([&](int r, int p) TENON_LAMBDA {
          total[r][p] = Leaf::fma(Leaf::load(w[p * blocks].least), Leaf::broadcast(x->total[row + r]), total[r][p]);
        });
    }
    each_sum<Rows, Panels>([&](int r, int p) TENON_LAMBDA {
      float* const to = sums + (r * Panels + p) * 16;
      Leaf::store(to, ended(total[r][p], x[-1].scale[row + r], to, first));
    });
  }

  // Bytes through matrix registers: a tile of 16 tokens with one panel at a time. Depth: the values that share a scale.
  template <panel::correction How, int Depth>
  static void multiply_tile(const byte_block* w, index_t depth, const x_block<token_tile>* x, float* sums,
                            bool first) noexcept {
    using tiles = typename Leaf::tiles;
    constexpr int halves = 32 / Depth;
    alignas(64) std::int32_t products[2][Bytes][token_tile][16];
    const index_t blocks = depth / 32, units = blocks * halves;
    for (int p = 0; p < Shape.byte_panels; ++p, w += blocks) {
      floats total[token_tile];
      unroll<token_tile>([&](int r)
                             TENON_LAMBDA { total[r] = begun(sums + (r * Shape.byte_panels + p) * 16, first); });
      // Unit u, in tiles and products [Odd]: issued one ahead, so that tiles work while vectors add up the one before.
      const auto issue = [&](auto odd, index_t u) TENON_LAMBDA {
        const index_t b = u / halves, half = u % halves;
        tiles::template load<4 + odd>(w[b].q[half * 4], 64);
        unroll<Bytes>([&](auto byte) TENON_LAMBDA {
          constexpr int with = Bytes == 1 ? odd : byte;
          tiles::template zero<with>();
          tiles::template load<2 + with>(x[b].q[byte][0] + half * 16, 32);
          tiles::template dot_bytes<with, 2 + with, 4 + odd>();
          tiles::template store<with>(products[odd][byte], 64);
        });
      };
      const auto add = [&](int odd, index_t u) TENON_LAMBDA {
        const index_t b = u / halves, half = u % halves;
        const auto scale = Leaf::load(w[b].scale[half]);
        unroll<token_tile>([&](int r) TENON_LAMBDA {
          ints sum = Leaf::load_ints(products[odd][Bytes - 1][r]);
          if constexpr (Bytes == 2) sum = Leaf::plus_128_times(sum, Leaf::load_ints(products[odd][0][r]));
          total[r] = Leaf::fma(Leaf::to_floats(sum), scaled_by(scale, x[b].scale[r]), total[r]);
        });
        if constexpr (How == panel::correction::least) {
          const auto least = Leaf::load(w[b].least);
          unroll<token_tile>([&](int r) TENON_LAMBDA { total[r] = Leaf::fma(least, Leaf::broadcast(x[b].total[r]), total[r]); });
        }
      };
      constexpr std::integral_constant<int, 0> even;
      constexpr std::integral_constant<int, 1> odd;
      issue(even, 0);
      for (index_t u = 0; u < units; u += 2) {
        issue(odd, u + 1);
        add(even, u);
        if (u + 2 < units) issue(even, u + 2);
        add(odd, u + 1);
      }
      unroll<token_tile>([&](int r) TENON_LAMBDA {
        float* const to = sums + (r * Shape.byte_panels + p) * 16;
        Leaf::store(to, ended(total[r], x->scale[r], to, first));
      });
    }
  }
};

TENON_KERNELS_END
