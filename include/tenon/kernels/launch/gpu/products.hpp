#pragma once
// Products on a GPU, called as on a processor. Weights stored as integers are packed in the panels of processors, byte for byte, and become
// numbers in registers; floats of every kind are packed as rows of bf16, padded to whole 16 bytes. Sums are single precision.
//
// Up to tuning::few_tokens tokens x and weights are used as they are, by kernels that take as long as reading the weights; more tokens go
// through matrix units, x and weights rounded to bf16. Of either kind a token's bits do not depend on its batch.
//
// Under compute::e4m3 floats are rows of e4m3, under compute::int8 weights stored as i8 rows of int8, each with one scale; many tokens then meet them as numbers of
// the same kind, with a scale per token. On sm_75 all weights are rows of f16, and so is x: what exceeds 65504 becomes infinite.

#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/device_x.hpp>
#include <tenon/kernels/launch/gpu/few_tokens.hpp>
#include <tenon/kernels/launch/gpu/gate.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/gpu/packing.hpp>
#include <tenon/kernels/launch/gpu/panel_matmul.hpp>
#include <tenon/kernels/tuning/products.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {

template <class Format, int Tokens, device_machine Machine, int Matrices, class Join>
void launch_few(const Machine& machine, const view<const float, 2>& x, const packed_matrix (&w)[Matrices], const device_sink<typename Machine::leaf, float, Join>& sink) {
  few_tokens_body<typename Machine::leaf, Format, Tokens, Matrices, float, Join> body{};
  const device_floats<const float> from(x);
  body.x = from.data, body.x_stride = from.stride, body.wide = from.wide, body.depth = static_cast<int>(x.extent[1]);
  for (int m = 0; m < Matrices; ++m) body.w[m] = w[m].data;
  body.pitch = pitch_of<Format>(x.extent[1]), body.sink = sink;
  launch(machine, tiles(sink.rows, panel::columns), tiles(sink.tokens, Tokens), body, body.shared_bytes);
}
template <class Format, device_machine Machine, int Matrices, class Join>
void launch_tiles(const Machine& machine, device_x<Machine>& x, const packed_matrix (&w)[Matrices], const device_sink<typename Machine::leaf, float, Join>& sink) {
  using leaf = typename Machine::leaf;
  const index_t staged = staged_depth(x.rows().extent[1]);
  const int depth = static_cast<int>(x.rows().extent[1]);
  if constexpr (std::is_same_v<Format, bf16_rows> && Matrices == 2) {
    using words = typename words_of<typename Machine::arch>::template gated_matmul<leaf>;
    const auto rows = [](const packed_matrix& m) { return reinterpret_cast<const bf16*>(m.data); };
    const gated_rows in{x.natural(), {rows(w[0]), rows(w[1])}, staged, bf16_rows::stride(depth), sink.tokens, sink.rows, depth};
    launch(machine, tiles(sink.rows, words::block_rows), tiles(sink.tokens, words::block_tokens), gated_product_on<words>(machine, in, sink), words::shared_bytes);
  } else if constexpr (lies_in_rows<Format>) {
    static_assert(Matrices == 1);
    using number = typename Format::number;
    using words = typename words_of<typename Machine::arch>::template matmul<leaf, number>;
    matmul_arguments<device_product<number>> a{};
    a.w = reinterpret_cast<const number*>(w[0].data), a.out = sink.out, a.bias = sink.bias, a.residual = sink.previous;
    a.tokens = sink.tokens, a.rows = sink.rows, a.depth = depth;
    a.w_stride = Format::stride(depth), a.out_stride = sink.out_stride, a.residual_stride = sink.previous_stride;
    if constexpr (Format::scaled) {
      const auto rows = x.template quantised<number>();
      a.x = rows.numbers, a.x_scale = rows.scales, a.x_stride = quantised_stride(depth);
      a.w_scale = reinterpret_cast<const float*>(w[0].data + Format::padded(depth)), a.w_scale_stride = a.w_stride / 4;
    } else {
      a.x = x.natural(), a.x_stride = staged;
    }
    launch(machine, tiles(a.rows, words::block_rows), tiles(a.tokens, words::block_tokens), product_on<words>(machine, a), words::shared_bytes);
  } else {
    using words = typename words_of<typename Machine::arch>::template panel_matmul<leaf, Format, Matrices>;
    typename words::source in{};
    in.x = x.ordered(), in.x_stride = staged, in.deep = static_cast<int>(staged), in.tokens = sink.tokens;
    for (int m = 0; m < Matrices; ++m) in.w[m] = w[m].data;
    in.pitch = pitch_of<Format>(depth), in.panels = tiles(sink.rows, panel::columns);
    launch(machine, tiles(sink.rows, words::block_rows), tiles(sink.tokens, words::block_tokens), panel_product_on<words>(machine, in, sink), words::shared_bytes);
  }
}
/// Whether a kernel of tiles computes a gate and what it opens at once.
template <class Format>
inline constexpr bool gated_by_tiles = !lies_in_rows<Format> || std::is_same_v<Format, bf16_rows>;

/// out = x w^T by Join, of one matrix, or of two that are packed alike, a gate's and that which it opens, as far as tiles do that.
template <form_set Forms, device_machine Machine, int Matrices, class Join>
void launch_product(const Machine& machine, device_x<Machine>& x, const packed_matrix (&w)[Matrices], const Join& join, const view<float, 2>& out, const float* bias, finish how) {
  if (reinterpret_cast<std::uintptr_t>(out.data) % 16 != 0) throw error("[matmul] out must begin at a multiple of 16 bytes on a GPU. Fix: align it.");
  const device_sink<typename Machine::leaf, float, Join> sink{out.data, bias, how == finish::add ? out.data : nullptr, static_cast<int>(out.extent[0]), static_cast<int>(out.extent[1]),
                                                              out.stride[0], out.stride[0], join};
  with_packed<Forms>(machine, w[0], [&](auto format) {
    using Format = decltype(format);
    if (sink.tokens == 1)
      launch_few<Format, 1>(machine, x.rows(), w, sink);
    else if (sink.tokens <= tuning::few_tokens)
      launch_few<Format, 4>(machine, x.rows(), w, sink);
    else if constexpr (Matrices == 1 || gated_by_tiles<Format>)
      launch_tiles<Format>(machine, x, w, sink);
  });
}

}  // namespace kernel_detail

/// Arranged x, and the opening half of a gated product as wide as `depth`.
template <device_machine Machine>
std::size_t matmul_scratch(const Machine&, index_t tokens, index_t depth) {
  return round_up(kernel_detail::device_x<Machine>::bytes(tokens, depth) + static_cast<std::size_t>(tokens * kernel_detail::staged_depth(depth)) * sizeof(float), 64);
}

template <form_set Forms = every_form, device_machine Machine, int Count>
void matmul(const Machine& machine, view<const float, 2> x, const product (&products)[Count], std::byte* scratch) {
  for (const product& p : products) kernel_detail::check(x, p.weights, p.out);
  if (x.extent[0] == 0) return;
  kernel_detail::device_x<Machine> of(machine, x, scratch);
  for (const product& p : products) kernel_detail::launch_product<Forms>(machine, of, {p.weights}, added{}, p.out, p.bias, p.how);
}

/// In one kernel where both matrices are packed alike, but for many tokens with rows of 8 bits. The scratch is that of matmul_scratch for the wider of depth
/// and rows.
template <form_set Forms = every_form, device_machine Machine, class Gate>
void gated_matmul(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit, view<float, 2> out, std::byte* scratch) {
  kernel_detail::check(x, gate, out);
  kernel_detail::check(x, up, out);
  if (x.extent[0] == 0) return;
  const index_t wider = kernel_detail::staged_depth(x.extent[1] > gate.rows ? x.extent[1] : gate.rows);
  kernel_detail::device_x<Machine> of(machine, x, scratch + static_cast<std::size_t>(x.extent[0] * wider) * sizeof(float));
  const bool alike = gate.kind == up.kind && gate.as == up.as;
  const bool at_once = alike && (x.extent[0] <= tuning::few_tokens || kernel_detail::with_packed<Forms>(machine, gate, [](auto format) { return kernel_detail::gated_by_tiles<decltype(format)>; }));
  if (at_once) return kernel_detail::launch_product<Forms>(machine, of, {gate, up}, unit, out, nullptr, finish::store);
  const view<float, 2> opening(reinterpret_cast<float*>(scratch), x.extent[0], gate.rows);
  kernel_detail::launch_product<Forms>(machine, of, {gate}, added{}, opening, nullptr, finish::store);
  kernel_detail::launch_product<Forms>(machine, of, {up}, added{}, out, nullptr, finish::store);
  open_gate(machine, unit, opening, out, out);
}

TENON_KERNELS_END
