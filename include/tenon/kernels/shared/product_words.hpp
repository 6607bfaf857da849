#pragma once
// The words of a product of x [token, depth] with panels of weights, written once over the leaf of any machine:
//   one    a single token: weights are unpacked in registers, panels stream past
//   many   tiles of tokens: a stretch of weights is unpacked once into a small buffer, then serves every token
// Order of summation, the same in both: along the depth, in order, in one accumulator per output. Integer sums are exact within
// a scale group; then sum = fma(float(integer), scale * x_scale, sum). So a row has the same bits alone and in any batch.

#include <cstddef>
#include <cstdint>

#include <tenon/core/config.hpp>
#include <tenon/kernels/shared/activation.hpp>
#include <tenon/kernels/shared/panel.hpp>
#include <tenon/kernels/shared/unroll.hpp>

TENON_KERNELS_BEGIN

/// The shapes of a machine's microkernels, in tokens and panels of 16 outputs. Only accumulators and speed depend on them.
struct product_shape {
  int streams;                   ///< panels read at once for one token
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
  static constexpr int tile = 16;         ///< tokens per tile, where there is more than one
  static constexpr int streams = Shape.streams;
  template <class Form>
  static constexpr bool bytes = std::is_same_v<Form, activation::quantised>;
  /// Panels that `many` takes at once.
  template <class Form>
  static constexpr int panels = bytes<Form> ? Shape.byte_panels : Shape.float_panels;
  /// The depth that is unpacked at a time, and the bytes that takes for all panels.
  template <class Form>
  static constexpr int stretch = bytes<Form> ? 2048 : 512;
  static constexpr std::size_t unpacked_bytes = [] {
    const std::size_t as_bytes = stretch<activation::quantised> / 32 * sizeof(byte_block) * Shape.byte_panels;
    const std::size_t as_floats = std::size_t{stretch<activation::plain>} * 64 * Shape.float_panels;
    return as_bytes > as_floats ? as_bytes : as_floats;
  }();

  /// sums[Panels][16] = the product of one token with Panels panels, `pitch` bytes apart. x: one arranged token.
  template <class Format, class Form, int Panels>
  static void one(const std::byte* packed, std::size_t pitch, index depth, const std::byte* x, float* sums) noexcept {
    floats total[Panels];
    unroll<Panels>([&](auto p) TENON_LAMBDA { total[p] = Leaf::zero(); });
    if constexpr (bytes<Form>) {
      const auto* block = reinterpret_cast<const activation::quantised_block<1>*>(x);
      for (index k = 0; k < depth; k += Format::depth, packed += Format::bytes)
        for (int step = 0; step < Format::depth / panel::step_depth && k + step * panel::step_depth < depth; step += 2, ++block)
          unroll<Panels>([&](auto p) TENON_LAMBDA { total[p] = dot_packed<Format>(packed + p * pitch, step, *block, total[p]); });
    } else {
      const auto* value = reinterpret_cast<const float*>(x);
      for (index k = 0; k < depth; k += Format::depth, packed += Format::bytes)
        for (int step = 0; step < Format::depth / panel::step_depth; ++step, value += panel::step_depth)
          unroll<Panels>([&](auto p) TENON_LAMBDA {
            Format::template weights<Leaf>(packed + p * pitch, step, [&](auto i, const floats& w) TENON_LAMBDA { total[p] = Leaf::fma(w, Leaf::broadcast(value[i]), total[p]); });
          });
    }
    unroll<Panels>([&](auto p) TENON_LAMBDA { Leaf::store(sums + 16 * p, total[p]); });
  }

  /// sums[token][Panels][16] = the product of `tokens` tokens, arranged in tiles, with Panels panels. `unpacked`: unpacked_bytes.
  template <class Format, class Form, int Panels>
  static void many(const std::byte* packed, std::size_t pitch, index depth, const std::byte* x, index tokens, float* sums, std::byte* unpacked) noexcept {
    const std::size_t tile_bytes = Form::bytes(tile, depth);
    for (index from = 0; from < depth; from += stretch<Form>) {
      const index deep = depth - from < stretch<Form> ? depth - from : stretch<Form>;
      unroll<Panels>([&](auto p) TENON_LAMBDA {
        const std::byte* slab = packed + p * pitch + from / Format::depth * Format::bytes;
        if constexpr (bytes<Form>)
          unpack_bytes<Format>(slab, deep, reinterpret_cast<byte_block*>(unpacked) + p * (deep / 32));
        else
          unpack_floats<Format>(slab, deep, reinterpret_cast<float*>(unpacked) + p * deep * 16);
      });
      constexpr int rows = bytes<Form> ? Shape.byte_rows : Shape.float_rows;
      for (index t = 0; t < tokens; t += rows) {
        const std::byte* at = x + static_cast<std::size_t>(t / tile) * tile_bytes + Form::bytes(tile, from);
        float* to = sums + t * Panels * 16;
        if constexpr (bytes<Form>)
          multiply_bytes<Format, rows, Panels>(reinterpret_cast<const byte_block*>(unpacked), deep, at, static_cast<int>(t % tile), to, from == 0);
        else
          multiply_floats<rows, Panels>(reinterpret_cast<const float*>(unpacked), deep, reinterpret_cast<const float*>(at) + t % tile, to, from == 0);
      }
    }
  }

 private:
  using floats = typename Leaf::floats;
  using ints = typename Leaf::ints;

  // One block of 32 values of one packed panel with one token.
  template <class Format>
  TENON_INLINE static floats dot_packed(const std::byte* slab, int step, const activation::quantised_block<1>& x, floats total) {
    constexpr bool halves = Format::how == panel::correction::offset_32_halves;
    const auto scaled = [&](const ints& sum, int at) TENON_LAMBDA {
      total = Leaf::fma(Leaf::to_floats(sum), Leaf::mul(Format::template scale<Leaf>(slab, at), Leaf::broadcast(x.scale[0])), total);
    };
    ints sum = start<Format>(x, 0, 0);
    unroll<2>([&](auto half) TENON_LAMBDA {
      if constexpr (halves && half == 1) sum = start<Format>(x, 0, 1);
      unroll<4>([&](auto quad) TENON_LAMBDA {
        sum = Leaf::template dot<Format::largest>(sum, Format::template quanta<Leaf, quad>(slab, step + half), Leaf::broadcast_int(x.q[0] + 16 * half + 4 * quad));
      });
      if constexpr (halves) scaled(sum, step + half);
    });
    if constexpr (!halves) scaled(sum, step);
    if constexpr (Format::how == panel::correction::least) total = Leaf::fma(Format::template least<Leaf>(slab, step), Leaf::broadcast(x.total[0]), total);
    return total;
  }

  // Where an integer sum starts, so that the offset of the quanta costs nothing.
  template <class Format, int Tokens>
  TENON_INLINE static ints start(const activation::quantised_block<Tokens>& x, int row, int half) {
    using panel::correction;
    if constexpr (Format::how == correction::offset_128) return Leaf::broadcast_int(x.less_128 + row);
    if constexpr (Format::how == correction::offset_8) return Leaf::broadcast_int(x.less_8 + row);
    if constexpr (Format::how == correction::offset_32_halves) return Leaf::broadcast_int(x.less_32[half] + row);
    return Leaf::zero_ints();
  }

  template <class Format>
  TENON_INLINE static void unpack_floats(const std::byte* slab, index depth, float* to) {
    for (index k = 0; k < depth; k += Format::depth, slab += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; ++step, to += panel::step_depth * 16)
        Format::template weights<Leaf>(slab, step, [&](auto i, const floats& w) TENON_LAMBDA { Leaf::store(to + i * 16, w); });
  }
  template <class Format>
  TENON_INLINE static void unpack_bytes(const std::byte* slab, index depth, byte_block* to) {
    for (index k = 0; k < depth; k += Format::depth, slab += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; step += 2, ++to) {
        unroll<2>([&](auto half) TENON_LAMBDA {
          unroll<4>([&](auto quad) TENON_LAMBDA { Leaf::store_bytes(to->q[4 * half + quad], Format::template quanta<Leaf, quad>(slab, step + half)); });
          Leaf::store(to->scale[half], Format::template scale<Leaf>(slab, step + half));
        });
        if constexpr (Format::how == panel::correction::least) Leaf::store(to->least, Format::template least<Leaf>(slab, step));
      }
  }

  // Rows tokens of a tile with unpacked panels: x[depth][16], w[Panels][depth][16].
  template <int Rows, int Panels>
  static void multiply_floats(const float* w, index depth, const float* x, float* sums, bool first) noexcept {
    floats total[Rows][Panels];
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { total[r][p] = first ? Leaf::zero() : Leaf::load(sums + (r * Panels + p) * 16); });
    const float* end = x + depth * tile;
    for (; x != end; x += tile, w += 16) {
      floats column[Panels];
      unroll<Panels>([&](auto p) TENON_LAMBDA { column[p] = Leaf::load(w + p * depth * 16); });
      unroll<Rows>([&](auto r) TENON_LAMBDA {
        const auto value = Leaf::broadcast(x[r]);
        unroll<Panels>([&](auto p) TENON_LAMBDA { total[r][p] = Leaf::fma(column[p], value, total[r][p]); });
      });
    }
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { Leaf::store(sums + (r * Panels + p) * 16, total[r][p]); });
  }

  // The same over bytes: x of quantised_block<16>, w[Panels][depth / 32].
  template <class Format, int Rows, int Panels>
  static void multiply_bytes(const byte_block* w, index depth, const std::byte* x, int row, float* sums, bool first) noexcept {
    constexpr bool halves = Format::how == panel::correction::offset_32_halves;
    const auto* block = reinterpret_cast<const activation::quantised_block<tile>*>(x);
    floats total[Rows][Panels];
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { total[r][p] = first ? Leaf::zero() : Leaf::load(sums + (r * Panels + p) * 16); });
    for (index blocks = depth / 32, b = 0; b < blocks; ++b, ++block, ++w) {
      ints sum[Rows][Panels];
      unroll<halves ? 2 : 1>([&](auto half) TENON_LAMBDA {
        each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { sum[r][p] = start<Format>(*block, row + r, half); });
        unroll<halves ? 4 : 8>([&](auto i) TENON_LAMBDA {
          constexpr int quad = 4 * half + i;
          decltype(Leaf::load_bytes(w->q[0])) column[Panels];
          unroll<Panels>([&](auto p) TENON_LAMBDA { column[p] = Leaf::load_bytes(w[p * blocks].q[quad]); });
          unroll<Rows>([&](auto r) TENON_LAMBDA {
            const auto value = Leaf::broadcast_int(block->q[row + r] + 4 * quad);
            unroll<Panels>([&](auto p) TENON_LAMBDA { sum[r][p] = Leaf::template dot<Format::largest>(sum[r][p], column[p], value); });
          });
        });
        each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA {
          const auto scale = Leaf::mul(Leaf::load(w[p * blocks].scale[half]), Leaf::broadcast(block->scale[row + r]));
          total[r][p] = Leaf::fma(Leaf::to_floats(sum[r][p]), scale, total[r][p]);
        });
      });
      if constexpr (Format::how == panel::correction::least)
        each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { total[r][p] = Leaf::fma(Leaf::load(w[p * blocks].least), Leaf::broadcast(block->total[row + r]), total[r][p]); });
    }
    each<Rows, Panels>([&](auto r, auto p) TENON_LAMBDA { Leaf::store(sums + (r * Panels + p) * 16, total[r][p]); });
  }

  template <int Rows, int Panels, class F>
  TENON_INLINE static void each(F&& f) {
    unroll<Rows>([&](auto r) TENON_LAMBDA { unroll<Panels>([&](auto p) TENON_LAMBDA { f(r, p); }); });
  }
};

TENON_KERNELS_END
