#pragma once
// Products of floats: a stretch of weights is unpacked to floats once and serves every token; a single token of float storage takes
// them from memory through registers.

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
struct float_words {
  using floats = typename Leaf::floats;
  /// The depth that is unpacked at a time, or one slab where that is more: three panels then stay in the first-level cache.
  static constexpr index_t stretch_depth = 128, longest_slab = 256;
  static constexpr std::size_t unpacked_bytes = std::size_t{longest_slab} * 64 * Shape.float_panels;

  /// One token: weights go from memory through registers. sums [panels][16].
  template <class Format>
  static void one(const std::byte* const* packed, index_t depth, const float* x, float* sums) noexcept {
    constexpr int group = Shape.float_panels, steps = Format::depth / panel::step_depth;
    floats total[group];
    unroll<group>([&](int p) TENON_LAMBDA { total[p] = Leaf::zero(); });
    for (index_t at = 0, end = depth / Format::depth * Format::bytes; at < end; at += Format::bytes)
      for (int step = 0; step < steps; ++step, x += panel::step_depth) {
        fetch_slab_ahead<group, Format::bytes, steps>(packed, at, end, step);
        unroll<group>([&](int p) TENON_LAMBDA {
          Format::template weights<Leaf>(packed[p] + at, step, [&](int i, const floats& w) TENON_LAMBDA {
            total[p] = Leaf::fma(w, Leaf::broadcast(x[i]), total[p]);
          });
        });
      }
    unroll<group>([&](int p) TENON_LAMBDA { Leaf::store(sums + 16 * p, total[p]); });
  }

  /// Tokens is 1 or token_tile, as x is arranged. sums [token][panels][16]; `unpacked` is of unpacked_bytes.
  template <int Tokens>
  static void many(const panel_group& packed, const float* (*unpacker)(const std::byte*, index_t, float*), index_t depth, const std::byte* x,
                   index_t tokens, float* sums, float* unpacked) noexcept {
    constexpr int group = Shape.float_panels, rows = Tokens == 1 ? 1 : Shape.float_rows;
    const index_t stretch = packed.slab_depth > stretch_depth ? packed.slab_depth : stretch_depth;
    for (index_t from = 0; from < depth; from += stretch) {
      const index_t deep = depth - from < stretch ? depth - from : stretch;
      const float* weights[group];
      for (int p = 0; p < group; ++p) weights[p] = unpacker(packed.at(p, from), deep, unpacked + p * deep * 16);
      for (index_t t = 0; t < tokens; t += rows) {
        if constexpr (Tokens > 1) fetch_ahead<group>(packed, depth, from, stretch, t / rows, (tokens + rows - 1) / rows);
        multiply<rows, group, Tokens>(weights, deep,
                                      reinterpret_cast<const float*>(x) + t / Tokens * Tokens * depth + from * Tokens + t % Tokens,
                                      sums + t * group * 16, from == 0);
      }
    }
  }

  /// `depth` values of one panel as floats [depth][16]: in `to`, or where they already lie.
  template <class Format>
  static const float* unpack(const std::byte* slab, index_t depth, float* to) noexcept {
    if constexpr (std::is_same_v<Format, panel::f32>) return reinterpret_cast<const float*>(slab);
    float* at = to;
    for (index_t k = 0; k < depth; k += Format::depth, slab += Format::bytes)
      for (int step = 0; step < Format::depth / panel::step_depth; ++step, at += panel::step_depth * 16)
        Format::template weights<Leaf>(slab, step, [&](int i, const floats& w) TENON_LAMBDA { Leaf::store(at + i * 16, w); });
    return to;
  }

 private:
  // Rows tokens of a tile x [depth][Tokens] with weights[Panels][depth][16].
  template <int Rows, int Panels, int Tokens>
  static void multiply(const float* const* weights, index_t depth, const float* x, float* sums, bool first) noexcept {
    floats total[Rows][Panels];
    each_sum<Rows, Panels>([&](int r, int p)
                               TENON_LAMBDA { total[r][p] = first ? Leaf::zero() : Leaf::load(sums + (r * Panels + p) * 16); });
    const float* w[Panels];
    unroll<Panels>([&](int p) TENON_LAMBDA { w[p] = weights[p]; });
    for (index_t k = 0; k < depth; ++k, x += Tokens) {
      floats column[Panels];
      unroll<Panels>([&](int p) TENON_LAMBDA { column[p] = Leaf::load(w[p] + k * 16); });
      unroll<Rows>([&](int r) TENON_LAMBDA {
        const auto value = Leaf::broadcast(x[r]);
        unroll<Panels>([&](int p) TENON_LAMBDA { total[r][p] = Leaf::fma(column[p], value, total[r][p]); });
      });
    }
    each_sum<Rows, Panels>([&](int r, int p) TENON_LAMBDA { Leaf::store(sums + (r * Panels + p) * 16, total[r][p]); });
  }
};

TENON_KERNELS_END
