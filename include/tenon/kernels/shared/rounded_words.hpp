#pragma once
// Products of floats rounded to bf16, in pairs along the depth: through matrix registers, bf16 dots, or as floats, whichever the leaf
// has. One way of them for every number of tokens, so that a row's bits never depend on its company.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/shared/activation.hpp>
#include <tenon/kernels/shared/panel.hpp>
#include <tenon/kernels/shared/product_group.hpp>
#include <tenon/kernels/shared/unroll.hpp>

TENON_KERNELS_BEGIN

template <class Leaf, product_shape Shape>
struct rounded_words {
  using floats = typename Leaf::floats;
  /// The depth that is unpacked at a time.
  static constexpr index_t stretch = 256;
  static constexpr std::size_t unpacked_bytes = std::size_t{stretch} * 32 * Shape.float_panels;

  /// Tokens is 1 or token_tile, as x is arranged; Tiled: through matrix registers. sums [token][panels][16].
  template <int Tokens, bool Tiled>
  static void many(const panel_group& packed, const std::byte* (*unpacker)(const std::byte*, index_t, std::byte*), index_t depth,
                   const std::byte* x, index_t tokens, float* sums, std::byte* unpacked) noexcept {
    constexpr int group = Shape.float_panels, rows = Tiled || Tokens == 1 ? Tokens : Shape.float_rows;
    if constexpr (Tiled) Leaf::tiles::configure({{Tokens, 64}, {Tokens, 64}, {Tokens, 64}, {Tokens, 64}, {16, 64}, {16, 64}, {16, 64}});
    for (index_t from = 0; from < depth; from += stretch) {
      const index_t deep = depth - from < stretch ? depth - from : stretch;
      const std::byte* weights[group];
      for (int p = 0; p < group; ++p) weights[p] = unpacker(packed.at(p, from), deep, unpacked + p * deep * 32);
      for (index_t t = 0; t < tokens; t += rows) {
        if constexpr (Tokens > 1) fetch_ahead<group>(packed, depth, from, stretch, t / rows, (tokens + rows - 1) / rows);
        const std::byte* at = x + (t / Tokens * depth + from) * Tokens * 2 + t % Tokens * 64;
        if constexpr (Tiled)
          multiply_tile<Tokens>(weights, deep, at, sums + t * group * 16, from == 0);
        else
          multiply<rows, group, Tokens>(weights, deep, at, sums + t * group * 16, from == 0);
      }
    }
    if constexpr (Tiled) Leaf::tiles::release();
  }

  /// `depth` values of one panel as pairs of bf16 [depth / 2][16][2]: in `to`, or where they already lie.
  template <class Format>
  static const std::byte* unpack(const std::byte* slab, index_t depth, std::byte* to) noexcept {
    if constexpr (std::is_same_v<Format, panel::bf16>) return slab;
    std::byte* at = to;
    for (index_t k = 0; k < depth; k += Format::depth, slab += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; ++step, at += panel::step_depth * 32) {
        floats even;
        Format::template weights<Leaf>(slab, step, [&](int i, const floats& w) TENON_LAMBDA {
          if (i % 2 == 0)
            even = w;
          else
            Leaf::store_bytes(at + i / 2 * 64, Leaf::pair_bf16(even, w));
        });
      }
    return to;
  }

 private:
  // Rows tokens of a tile x [depth / 32][Tokens][32] with weights[Panels][depth / 2][16][2].
  template <int Rows, int Panels, int Tokens>
  static void multiply(const std::byte* const* weights, index_t depth, const std::byte* x, float* sums, bool first) noexcept {
    floats total[Rows][Panels];
    each_sum<Rows, Panels>([&](int r, int p)
                               TENON_LAMBDA { total[r][p] = first ? Leaf::zero() : Leaf::load(sums + (r * Panels + p) * 16); });
    const std::byte* w[Panels];
    unroll<Panels>([&](int p) TENON_LAMBDA { w[p] = weights[p]; });
    for (index_t k = 0; k < depth; k += 2, x += k % 32 == 0 ? Tokens * 64 - 60 : 4) {
      typename Leaf::bytes column[Panels];
      unroll<Panels>([&](int p) TENON_LAMBDA { column[p] = Leaf::load_bytes(w[p] + k * 32); });
      unroll<Rows>([&](int r) TENON_LAMBDA {
        const auto value = Leaf::broadcast_int(x + r * 64);
        unroll<Panels>([&](int p) TENON_LAMBDA {
          if constexpr (Leaf::bf16_dot) {
            total[r][p] = Leaf::dot_bf16(total[r][p], column[p], value);
          } else {
            total[r][p] = Leaf::fma(Leaf::template half_as_float<0>(column[p]), Leaf::template half_as_float<0>(value), total[r][p]);
            total[r][p] = Leaf::fma(Leaf::template half_as_float<1>(column[p]), Leaf::template half_as_float<1>(value), total[r][p]);
          }
        });
      });
    }
    each_sum<Rows, Panels>([&](int r, int p) TENON_LAMBDA { Leaf::store(sums + (r * Panels + p) * 16, total[r][p]); });
  }

  // The same through matrix registers: sums in tiles 0 to 2, x in 3, weights in 4 to 6.
  template <int Tokens>
  static void multiply_tile(const std::byte* const* weights, index_t depth, const std::byte* x, float* sums, bool first) noexcept {
    using tiles = typename Leaf::tiles;
    constexpr int panels = Shape.float_panels;
    static_assert(panels <= 3);
    unroll<panels>([&](auto p) TENON_LAMBDA {
      if (first)
        tiles::template zero<p>();
      else
        tiles::template load<p>(sums + p * 16, panels * 64);
    });
    for (index_t k = 0; k < depth; k += 32, x += Tokens * 64) {
      tiles::template load<3>(x, 64);
      unroll<panels>([&](auto p) TENON_LAMBDA {
        tiles::template load<4 + p>(weights[p] + k * 32, 64);
        tiles::template dot_bf16<p, 3, 4 + p>();
      });
    }
    unroll<panels>([&](auto p) TENON_LAMBDA { tiles::template store<p>(sums + p * 16, panels * 64); });
  }
};

TENON_KERNELS_END
