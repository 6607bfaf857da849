#pragma once
// The words of a product of x [token, depth] with panels of weights, written once over the leaf of any machine. A stretch of
// weights is unpacked once into a small buffer and then serves every token; byte products of a single token unpack in registers.
// Order of summation, the same everywhere: along the depth, in order, in one accumulator per output. Integer sums are exact within
// a scale group; then sum = fma(float(integer), scale * x_scale, sum). So a row has the same bits alone and in any batch.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tenon/core/config.hpp>
#include <tenon/kernels/shared/activation.hpp>
#include <tenon/kernels/shared/panel.hpp>
#include <tenon/kernels/shared/unroll.hpp>

TENON_KERNELS_BEGIN

/// The shapes of a machine's microkernels, in tokens and panels of 16 outputs. Only accumulators and speed depend on them.
struct product_shape {
  int float_rows, float_panels;  ///< rows divide 16
  int byte_rows, byte_panels;
};

/// 32 values of depth of one panel, unpacked for byte dot products.
struct alignas(64) byte_block {
  std::uint8_t q[8][64];
  float scale[2][16];  ///< of each half of the block; equal where a format has one scale per block
  float least[16];
};

template <class Leaf, product_shape Shape>
struct product_words {
  using leaf = Leaf;
  static constexpr int tile = 16;  ///< tokens per tile, where there is more than one
  template <class Form>
  static constexpr bool bytes = std::is_same_v<Form, activation::quantised>;
  /// Panels that the words take at once.
  template <class Form>
  static constexpr int panels = bytes<Form> ? Shape.byte_panels : Shape.float_panels;
  /// The depth that is unpacked at a time (floats: one slab, where that is more): a group of panels then stays in the first-level cache.
  static constexpr index float_stretch = 128, longest_float_stretch = 256, rounded_stretch = 256, byte_stretch = 512;
  /// The bytes of a worker's buffer for unpacked weights.
  static constexpr std::size_t unpacked_bytes = [] {
    const std::size_t as_bytes = byte_stretch / 32 * sizeof(byte_block) * Shape.byte_panels;
    const std::size_t as_floats = longest_float_stretch * 64 * Shape.float_panels;
    return as_bytes > as_floats ? as_bytes : as_floats;
  }();

  /// sums[token][panels][16] = the product of `tokens` arranged tokens with a group of panels. `unpacked`: unpacked_bytes.
  template <class Format, class Form>
  static void multiply(const std::byte* const (&packed)[panels<Form>], index depth, const std::byte* x, index tokens, float* sums, std::byte* unpacked) noexcept {
    if constexpr (std::is_same_v<Form, activation::quantised>) {
      if (tokens == 1) return one_of_bytes<Format>(packed, depth, reinterpret_cast<const activation::quantised_block<1>*>(x), sums);
      with_tiles(tokens > 4, [&](auto tiled) {
        many_of_bytes<Format::how, tiled>({packed, Format::depth, Format::bytes}, &unpack_bytes<Format, tiled>, depth, x, tokens, sums, reinterpret_cast<byte_block*>(unpacked));
      });
    } else if constexpr (std::is_same_v<Form, activation::rounded>) {
      if constexpr (!std::is_same_v<Format, panel::f32> && !std::is_same_v<Format, panel::f16>)  // those are packed as bf16
        with_tiles(true, [&](auto tiled) {
          const auto take = tokens == 1 ? &of_rounded<1, tiled> : &of_rounded<tile, tiled>;
          take({packed, Format::depth, Format::bytes}, &unpack_rounded<Format>, depth, x, tokens, sums, unpacked);
        });
    } else {
      if (tokens == 1 && !Format::integer) return one_of_floats<Format>(packed, depth, reinterpret_cast<const float*>(x), sums);
      const auto take = tokens == 1 ? &of_floats<1> : &of_floats<tile>;
      take({packed, Format::depth, Format::bytes}, &unpack_floats<Format>, depth, x, tokens, sums, reinterpret_cast<float*>(unpacked));
    }
  }

 private:
  using floats = typename Leaf::floats;
  using ints = typename Leaf::ints;

  template <int Rows, int Panels, class F>
  TENON_INLINE static void each(F&& f) {
    unroll<Rows>([&](auto r) TENON_LAMBDA { unroll<Panels>([&](auto p) TENON_LAMBDA { f(r, p); }); });
  }

  // Calls f(whether): through matrix registers where the machine has them, the system lends them and it `pays`.
  template <class F>
  TENON_INLINE static void with_tiles([[maybe_unused]] bool pays, F&& f) {
    if constexpr (Leaf::tiles::present)
      if (pays && Leaf::tiles::lent()) return f(std::true_type{});
    f(std::false_type{});
  }

  // A group of packed panels: what a stretch loop knows of their format.
  struct group_of_panels {
    const std::byte* const* panels;
    index slab_depth, slab_bytes;
    const std::byte* at(int p, index depth) const { return panels[p] + depth / slab_depth * slab_bytes; }
  };

  // While one stretch is multiplied the next comes into the second-level cache: part `at` of `parts` of it. After the last stretch
  // comes the first one of the next group.
  template <int Panels>
  static void fetch_ahead(const group_of_panels& group, index depth, index from, index stretch, index at, index parts) noexcept {
    const index lines = stretch / group.slab_depth * group.slab_bytes / 64, to = lines * (at + 1) / parts;
    const index next = from + stretch < depth ? from + stretch : Panels * depth;
    for (int p = 0; p < Panels; ++p)
      for (index line = lines * at / parts; line < to; ++line) __builtin_prefetch(group.at(p, next) + line * 64, 0, 2);
  }

  // Floats.

  // One token: weights go from memory through registers.
  template <class Format>
  static void one_of_floats(const std::byte* const* packed, index depth, const float* x, float* sums) noexcept {
    constexpr int group = Shape.float_panels;
    floats total[group];
    unroll<group>([&](auto p) TENON_LAMBDA { total[p] = Leaf::zero(); });
    for (index at = 0, end = depth / Format::depth * Format::bytes; at < end; at += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; ++step, x += panel::step_depth)
        unroll<group>([&](auto p) TENON_LAMBDA {
          Format::template weights<Leaf>(packed[p] + at, step, [&](auto i, const floats& w) TENON_LAMBDA { total[p] = Leaf::fma(w, Leaf::broadcast(x[i]), total[p]); });
        });
    unroll<group>([&](auto p) TENON_LAMBDA { Leaf::store(sums + 16 * p, total[p]); });
  }

  template <int Tokens>
  static void of_floats(const group_of_panels& packed, const float* (*unpack)(const std::byte*, index, float*), index depth, const std::byte* x, index tokens, float* sums,
                        float* unpacked) noexcept {
    constexpr int group = Shape.float_panels, rows = Tokens == 1 ? 1 : Shape.float_rows;
    const index stretch = packed.slab_depth > float_stretch ? packed.slab_depth : float_stretch;
    for (index from = 0; from < depth; from += stretch) {
      const index deep = depth - from < stretch ? depth - from : stretch;
      const float* weights[group];
      for (int p = 0; p < group; ++p) weights[p] = unpack(packed.at(p, from), deep, unpacked + p * deep * 16);
      for (index t = 0; t < tokens; t += rows) {
        if constexpr (Tokens > 1) fetch_ahead<group>(packed, depth, from, stretch, t / rows, (tokens + rows - 1) / rows);
        multiply_floats<rows, group, Tokens>(weights, deep, reinterpret_cast<const float*>(x) + t / Tokens * Tokens * depth + from * Tokens + t % Tokens,
                                             sums + t * group * 16, from == 0);
      }
    }
  }

  template <class Format>
  static const float* unpack_floats(const std::byte* slab, index depth, float* to) noexcept {
    if constexpr (std::is_same_v<Format, panel::f32>) return reinterpret_cast<const float*>(slab);
    float* at = to;
    for (index k = 0; k < depth; k += Format::depth, slab += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; ++step, at += panel::step_depth * 16)
        Format::template weights<Leaf>(slab, step, [&](auto i, const floats& w) TENON_LAMBDA { Leaf::store(at + i * 16, w); });
    return to;
  }

  // Rows tokens of a tile x [depth][Tokens] with weights[Panels][depth][16].
  template <int Rows, int Panels, int Tokens>
  static void multiply_floats(const float* const* weights, index depth, const float* x, float* sums, bool first) noexcept {
    floats total[Rows][Panels];
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { total[r][p] = first ? Leaf::zero() : Leaf::load(sums + (r * Panels + p) * 16); });
    const float* w[Panels];
    unroll<Panels>([&](auto p) TENON_LAMBDA { w[p] = weights[p]; });
    for (index k = 0; k < depth; ++k, x += Tokens) {
      floats column[Panels];
      unroll<Panels>([&](auto p) TENON_LAMBDA { column[p] = Leaf::load(w[p] + k * 16); });
      unroll<Rows>([&](auto r) TENON_LAMBDA {
        const auto value = Leaf::broadcast(x[r]);
        unroll<Panels>([&](auto p) TENON_LAMBDA { total[r][p] = Leaf::fma(column[p], value, total[r][p]); });
      });
    }
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { Leaf::store(sums + (r * Panels + p) * 16, total[r][p]); });
  }

  // Floats rounded to bf16, in pairs along the depth.

  template <int Tokens, bool Tiled>
  static void of_rounded(const group_of_panels& packed, const std::byte* (*unpack)(const std::byte*, index, std::byte*), index depth, const std::byte* x, index tokens,
                         float* sums, std::byte* unpacked) noexcept {
    constexpr int group = Shape.float_panels, rows = Tiled || Tokens == 1 ? Tokens : Shape.float_rows;
    if constexpr (Tiled) Leaf::tiles::configure({{Tokens, 64}, {Tokens, 64}, {Tokens, 64}, {Tokens, 64}, {16, 64}, {16, 64}, {16, 64}});
    for (index from = 0; from < depth; from += rounded_stretch) {
      const index deep = depth - from < rounded_stretch ? depth - from : rounded_stretch;
      const std::byte* weights[group];
      for (int p = 0; p < group; ++p) weights[p] = unpack(packed.at(p, from), deep, unpacked + p * deep * 32);
      for (index t = 0; t < tokens; t += rows) {
        if constexpr (Tokens > 1) fetch_ahead<group>(packed, depth, from, rounded_stretch, t / rows, (tokens + rows - 1) / rows);
        const std::byte* at = x + (t / Tokens * depth + from) * Tokens * 2 + t % Tokens * 64;
        if constexpr (Tiled)
          multiply_rounded_tile<Tokens>(weights, deep, at, sums + t * group * 16, from == 0);
        else
          multiply_rounded<rows, group, Tokens>(weights, deep, at, sums + t * group * 16, from == 0);
      }
    }
    if constexpr (Tiled) Leaf::tiles::release();
  }

  template <class Format>
  static const std::byte* unpack_rounded(const std::byte* slab, index depth, std::byte* to) noexcept {
    if constexpr (std::is_same_v<Format, panel::bf16>) return slab;
    std::byte* at = to;
    for (index k = 0; k < depth; k += Format::depth, slab += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; ++step, at += panel::step_depth * 32) {
        floats even;
        Format::template weights<Leaf>(slab, step, [&](auto i, const floats& w) TENON_LAMBDA {
          if constexpr (i % 2 == 0)
            even = w;
          else
            Leaf::store_bytes(at + i / 2 * 64, Leaf::pair_bf16(even, w));
        });
      }
    return to;
  }

  // Rows tokens of a tile x [depth / 32][Tokens][32] with weights[Panels][depth / 2][16][2].
  template <int Rows, int Panels, int Tokens>
  static void multiply_rounded(const std::byte* const* weights, index depth, const std::byte* x, float* sums, bool first) noexcept {
    floats total[Rows][Panels];
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { total[r][p] = first ? Leaf::zero() : Leaf::load(sums + (r * Panels + p) * 16); });
    const std::byte* w[Panels];
    unroll<Panels>([&](auto p) TENON_LAMBDA { w[p] = weights[p]; });
    for (index k = 0; k < depth; k += 2, x += k % 32 == 0 ? Tokens * 64 - 60 : 4) {
      typename Leaf::bytes column[Panels];
      unroll<Panels>([&](auto p) TENON_LAMBDA { column[p] = Leaf::load_bytes(w[p] + k * 32); });
      unroll<Rows>([&](auto r) TENON_LAMBDA {
        const auto value = Leaf::broadcast_int(x + r * 64);
        unroll<Panels>([&](auto p) TENON_LAMBDA {
          if constexpr (Leaf::bf16_dot) {
            total[r][p] = Leaf::dot_bf16(total[r][p], column[p], value);
          } else {
            total[r][p] = Leaf::fma(Leaf::template half_as_float<0>(column[p]), Leaf::template half_as_float<0>(value), total[r][p]);
            total[r][p] = Leaf::fma(Leaf::template half_as_float<1>(column[p]), Leaf::template half_as_float<1>(value), total[r][p]);
          }
        });
      });
    }
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { Leaf::store(sums + (r * Panels + p) * 16, total[r][p]); });
  }

  // The same through matrix registers: sums in tiles 0 to 2, x in 3, weights in 4 to 6.
  template <int Tokens>
  static void multiply_rounded_tile(const std::byte* const* weights, index depth, const std::byte* x, float* sums, bool first) noexcept {
    using tiles = typename Leaf::tiles;
    constexpr int panels = Shape.float_panels;
    static_assert(panels <= 3);
    unroll<panels>([&](auto p) TENON_LAMBDA {
      if (first)
        tiles::template zero<p>();
      else
        tiles::template load<p>(sums + p * 16, panels * 64);
    });
    for (index k = 0; k < depth; k += 32, x += Tokens * 64) {
      tiles::template load<3>(x, 64);
      unroll<panels>([&](auto p) TENON_LAMBDA {
        tiles::template load<4 + p>(weights[p] + k * 32, 64);
        tiles::template dot_bf16<p, 3, 4 + p>();
      });
    }
    unroll<panels>([&](auto p) TENON_LAMBDA { tiles::template store<p>(sums + p * 16, panels * 64); });
  }

  // Bytes.

  // Where an integer sum starts, so that the offset of the quanta costs nothing.
  template <panel::correction How, int Tokens>
  TENON_INLINE static ints start(const activation::quantised_block<Tokens>& x, int row, int half) {
    using panel::correction;
    if constexpr (How == correction::offset_128) return Leaf::broadcast_int(x.less_128 + row);
    if constexpr (How == correction::offset_8) return Leaf::broadcast_int(x.less_8 + row);
    if constexpr (How == correction::offset_32_halves) return Leaf::broadcast_int(x.less_32[half] + row);
    return Leaf::zero_ints();
  }

  template <class Format>
  static void one_of_bytes(const std::byte* const* packed, index depth, const activation::quantised_block<1>* x, float* sums) noexcept {
    constexpr int group = Shape.byte_panels;
    const std::byte* slab[group];
    floats total[group];
    unroll<group>([&](auto p) TENON_LAMBDA { total[p] = Leaf::zero(), slab[p] = packed[p]; });
    for (index at = 0, end = depth / Format::depth * Format::bytes; at < end; at += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; step += 2, ++x)
        unroll<group>([&](auto p) TENON_LAMBDA { total[p] = dot_packed<Format>(slab[p] + at, step, *x, total[p]); });
    unroll<group>([&](auto p) TENON_LAMBDA { Leaf::store(sums + 16 * p, total[p]); });
  }

  // One block of 32 values of one packed panel with one token.
  template <class Format>
  TENON_INLINE static floats dot_packed(const std::byte* slab, int step, const activation::quantised_block<1>& x, floats total) {
    constexpr bool halves = Format::how == panel::correction::offset_32_halves;
    const auto scaled = [&](const ints& sum, int at) TENON_LAMBDA {
      total = Leaf::fma(Leaf::to_floats(sum), Leaf::mul(Format::template scale<Leaf>(slab, at), Leaf::broadcast(x.scale[0])), total);
    };
    ints sum = start<Format::how>(x, 0, 0);
    unroll<2>([&](auto half) TENON_LAMBDA {
      if constexpr (halves && half == 1) sum = start<Format::how>(x, 0, 1);
      unroll<4>([&](auto quad) TENON_LAMBDA {
        sum = Leaf::template dot<panel::largest_quantum(Format::how)>(sum, Format::template quanta<Leaf, quad>(slab, step + half),
                                                                       Leaf::broadcast_int(x.q[0] + 16 * half + 4 * quad));
      });
      if constexpr (halves) scaled(sum, step + half);
    });
    if constexpr (!halves) scaled(sum, step);
    if constexpr (Format::how == panel::correction::least) total = Leaf::fma(Format::template least<Leaf>(slab, step), Leaf::broadcast(x.total[0]), total);
    return total;
  }

  template <panel::correction How, bool Tiled>
  static void many_of_bytes(const group_of_panels& packed, void (*unpack)(const std::byte*, index, byte_block*), index depth, const std::byte* x, index tokens, float* sums,
                            byte_block* unpacked) noexcept {
    constexpr int group = Shape.byte_panels, rows = Tiled ? tile : Shape.byte_rows, tile_deep = How == panel::correction::offset_32_halves ? 16 : 32;
    const auto* blocks = reinterpret_cast<const activation::quantised_block<tile>*>(x);
    if constexpr (Tiled) Leaf::tiles::configure({{16, 64}, {16, 64}, {16, tile_deep}, {16, tile_deep}, {tile_deep / 4, 64}, {tile_deep / 4, 64}, {}});
    for (index from = 0; from < depth; from += byte_stretch) {
      const index deep = depth - from < byte_stretch ? depth - from : byte_stretch;
      for (int p = 0; p < group; ++p) unpack(packed.at(p, from), deep, unpacked + p * (deep / 32));
      for (index t = 0; t < tokens; t += rows) {
        fetch_ahead<group>(packed, depth, from, byte_stretch, t / rows, (tokens + rows - 1) / rows);
        const auto* block = blocks + t / tile * (depth / 32) + from / 32;
        if constexpr (Tiled)
          multiply_tile<How, tile_deep>(unpacked, deep, block, sums + t * group * 16, from == 0);
        else
          multiply_bytes<How, rows, group>(unpacked, deep, block, static_cast<int>(t % tile), sums + t * group * 16, from == 0);
      }
    }
    if constexpr (Tiled) Leaf::tiles::release();
  }

  // Quanta as they are, or with their offset subtracted: signed bytes.
  template <class Format, bool Signed>
  static void unpack_bytes(const std::byte* slab, index depth, byte_block* to) noexcept {
    for (index k = 0; k < depth; k += Format::depth, slab += Format::bytes)
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

  // Rows tokens of a tile with w[Panels][depth / 32].
  template <panel::correction How, int Rows, int Panels>
  static void multiply_bytes(const byte_block* w, index depth, const activation::quantised_block<tile>* x, int row, float* sums, bool first) noexcept {
    constexpr bool halves = How == panel::correction::offset_32_halves;
    floats total[Rows][Panels];
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { total[r][p] = first ? Leaf::zero() : Leaf::load(sums + (r * Panels + p) * 16); });
    for (index blocks = depth / 32, b = 0; b < blocks; ++b, ++x, ++w) {
      unroll<halves ? 2 : 1>([&](auto half) TENON_LAMBDA {
        ints sum[Rows][Panels];
        each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { sum[r][p] = start<How>(*x, row + r, half); });
        unroll<halves ? 4 : 8>([&](auto i) TENON_LAMBDA {
          constexpr int quad = 4 * half + i;
          typename Leaf::bytes column[Panels];
          unroll<Panels>([&](auto p) TENON_LAMBDA { column[p] = Leaf::load_bytes(w[p * blocks].q[quad]); });
          unroll<Rows>([&](auto r) TENON_LAMBDA {
            const auto value = Leaf::broadcast_int(x->q[row + r] + 4 * quad);
            unroll<Panels>([&](auto p) TENON_LAMBDA { sum[r][p] = Leaf::template dot<panel::largest_quantum(How)>(sum[r][p], column[p], value); });
          });
        });
        each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA {
          const auto scale = Leaf::mul(Leaf::load(w[p * blocks].scale[half]), Leaf::broadcast(x->scale[row + r]));
          total[r][p] = Leaf::fma(Leaf::to_floats(sum[r][p]), scale, total[r][p]);
        });
      });
      if constexpr (How == panel::correction::least)
        each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { total[r][p] = Leaf::fma(Leaf::load(w[p * blocks].least), Leaf::broadcast(x->total[row + r]), total[r][p]); });
    }
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { Leaf::store(sums + (r * Panels + p) * 16, total[r][p]); });
  }

  // Bytes through matrix registers: a tile of 16 tokens with one panel at a time. Depth: the values that share a scale.
  template <panel::correction How, int Depth>
  static void multiply_tile(const byte_block* w, index depth, const activation::quantised_block<tile>* x, float* sums, bool first) noexcept {
    using tiles = typename Leaf::tiles;
    constexpr int halves = 32 / Depth;
    alignas(64) std::int32_t products[2][tile][16];
    const index blocks = depth / 32, units = blocks * halves;
    for (int p = 0; p < Shape.byte_panels; ++p, w += blocks) {
      floats total[tile];
      unroll<tile>([&](auto r) TENON_LAMBDA { total[r] = first ? Leaf::zero() : Leaf::load(sums + (r * Shape.byte_panels + p) * 16); });
      // Unit u, in tiles and products [Odd]: issued one ahead, so that tiles work while vectors add up the one before.
      const auto issue = [&](auto odd, index u) TENON_LAMBDA {
        const index b = u / halves, half = u % halves;
        tiles::template zero<odd>();
        tiles::template load<2 + odd>(x[b].q[0] + half * 16, 32);
        tiles::template load<4 + odd>(w[b].q[half * 4], 64);
        tiles::template dot_bytes<odd, 2 + odd, 4 + odd>();
        tiles::template store<odd>(products[odd], 64);
      };
      const auto add = [&](auto odd, index u) TENON_LAMBDA {
        const index b = u / halves, half = u % halves;
        const auto scale = Leaf::load(w[b].scale[half]);
        unroll<tile>([&](auto r) TENON_LAMBDA {
          total[r] = Leaf::fma(Leaf::to_floats(Leaf::load_ints(products[odd][r])), Leaf::mul(scale, Leaf::broadcast(x[b].scale[r])), total[r]);
        });
        if constexpr (How == panel::correction::least) {
          const auto least = Leaf::load(w[b].least);
          unroll<tile>([&](auto r) TENON_LAMBDA { total[r] = Leaf::fma(least, Leaf::broadcast(x[b].total[r]), total[r]); });
        }
      };
      constexpr std::integral_constant<int, 0> even;
      constexpr std::integral_constant<int, 1> odd;
      issue(even, 0);
      for (index u = 0; u < units; u += 2) {
        issue(odd, u + 1);
        add(even, u);
        if (u + 2 < units) issue(even, u + 2);
        add(odd, u + 1);
      }
      unroll<tile>([&](auto r) TENON_LAMBDA { Leaf::store(sums + (r * Shape.byte_panels + p) * 16, total[r]); });
    }
  }
};

TENON_KERNELS_END
