#pragma once
// Products on a GPU, called as on a processor. Weights stored as integers are packed in the panels of processors, byte for byte, and become
// numbers in registers; floats of every kind are packed as rows of bf16, padded to whole 16 bytes. Sums are single precision.
//
// Up to tuning::few_tokens tokens x and weights are used as they are, by kernels that take as long as reading the weights; more tokens go
// through matrix units, x and weights rounded to bf16. Of either kind a token's bits do not depend on its batch.
//
// Under compute::e4m3 floats are rows of e4m3, under compute::int8 weights stored as i8 rows of int8, each with one scale; many tokens then meet them as numbers of
// the same kind, with a scale for each 128 values of a token. On sm_75 all weights are rows of f16, and so is x: what exceeds 65504 becomes infinite.

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
/// out = join(residual, x w^T + bias) of many tokens and rows of Format. `to`: out, bias, residual and join.
template <class Format, class Problem, device_machine Machine>
void launch_rows(const Machine& machine, device_x<Machine>& x, const packed_matrix& w, const matmul_arguments<Problem>& to) {
  using number = typename Format::number;
  using words = typename words_of<typename Machine::arch>::template matmul<typename Machine::leaf, number>;
  matmul_arguments<Problem> a = to;
  a.tokens = static_cast<int>(x.rows().extent[0]), a.rows = static_cast<int>(w.rows), a.depth = static_cast<int>(w.depth);
  a.w = reinterpret_cast<const number*>(w.data), a.w_stride = Format::stride(w.depth);
  if constexpr (Format::scaled) {
    const auto rows = x.template quantised<number>();
    a.x = rows.numbers, a.x_scale = rows.scales, a.x_stride = quantised_stride(w.depth);
    a.w_scale = reinterpret_cast<const float*>(w.data + Format::padded(w.depth)), a.w_scale_stride = a.w_stride / 4;
  } else {
    a.x = x.natural(), a.x_stride = staged_depth(w.depth);
  }
  launch(machine, tiles(a.rows, words::block_rows), tiles(a.tokens, words::block_tokens), product_on<words>(machine, a), words::shared_bytes);
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
    matmul_arguments<device_product<typename Format::number>> to{};
    to.out = sink.out, to.bias = sink.bias, to.residual = sink.previous, to.out_stride = sink.out_stride, to.residual_stride = sink.previous_stride;
    launch_rows<Format>(machine, x, w[0], to);
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

/// Of the opening half of a gated product, as floats.
constexpr std::size_t opening_bytes(index_t tokens, index_t width) { return static_cast<std::size_t>(tokens * staged_depth(width)) * sizeof(float); }

}  // namespace kernel_detail

/// Arranged x, and the opening half of a gated product and what comes of it as wide as `depth`.
template <device_machine Machine>
std::size_t matmul_scratch(const Machine&, index_t tokens, index_t depth) {
  return round_up(kernel_detail::device_x<Machine>::bytes(tokens, depth) + kernel_detail::opening_bytes(tokens, depth) + kernel_detail::quantised_bytes(tokens, depth), 64);
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
  kernel_detail::device_x<Machine> of(machine, x, scratch + kernel_detail::opening_bytes(x.extent[0], x.extent[1] > gate.rows ? x.extent[1] : gate.rows));
  const bool alike = gate.kind == up.kind && gate.as == up.as;
  const bool at_once = alike && (x.extent[0] <= tuning::few_tokens || kernel_detail::with_packed<Forms>(machine, gate, [](auto format) { return kernel_detail::gated_by_tiles<decltype(format)>; }));
  if (at_once) return kernel_detail::launch_product<Forms>(machine, of, {gate, up}, unit, out, nullptr, finish::store);
  const view<float, 2> opening(reinterpret_cast<float*>(scratch), x.extent[0], gate.rows);
  kernel_detail::launch_product<Forms>(machine, of, {gate}, added{}, opening, nullptr, finish::store);
  kernel_detail::launch_product<Forms>(machine, of, {up}, added{}, out, nullptr, finish::store);
  open_gate(machine, unit, opening, out, out);
}

/// As on a processor. Where all three matrices are rows of the same numbers of 8 bits and tokens are many, what lies between is such numbers too, quantised by the
/// product that makes them, and `between` is not touched.
template <form_set Forms = every_form, device_machine Machine, class Gate>
void gated_matmuls(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit, view<float, 2> between, const product& down, std::byte* scratch) {
  kernel_detail::check(x, gate, between), kernel_detail::check(x, up, between), kernel_detail::check(view<const float, 2>(between), down.weights, down.out);
  const index_t tokens = x.extent[0], hidden = gate.rows, wider = x.extent[1] > hidden ? x.extent[1] : hidden;
  const auto of_8_bits = [&](const packed_matrix& w) { return w.as == packed_as::rows_of_8_bits && w.kind == down.weights.kind; };
  if (tokens > tuning::few_tokens && of_8_bits(gate) && of_8_bits(up) && of_8_bits(down.weights))
    return kernel_detail::with_packed<Forms>(machine, down.weights, [&](auto format) {
      using Format = decltype(format);
      if constexpr (lies_in_rows<Format>)
        if constexpr (Format::scaled) {
          using number = typename Format::number;
          auto* const opening = reinterpret_cast<float*>(scratch);
          std::byte* const rest = scratch + kernel_detail::opening_bytes(tokens, wider);
          const kernel_detail::quantised_rows<number> made(rest, tokens, hidden);
          kernel_detail::device_x<Machine> of(machine, x, rest + kernel_detail::quantised_bytes(tokens, wider));
          kernel_detail::launch_product<Forms>(machine, of, {gate}, added{}, view<float, 2>(opening, tokens, hidden), nullptr, finish::store);
          matmul_arguments<quantised_product<number, Gate>> to{};
          to.out = made.numbers, to.out_scale = made.scales, to.out_stride = quantised_stride(hidden), to.residual = opening, to.residual_stride = hidden, to.join = unit;
          kernel_detail::launch_rows<Format>(machine, of, up, to);
          kernel_detail::device_x<Machine> between_x(machine, tokens, hidden, made);
          kernel_detail::launch_product<Forms>(machine, between_x, {down.weights}, added{}, down.out, down.bias, down.how);
        }
    });
  gated_matmul<Forms>(machine, x, gate, up, unit, between, scratch);
  const product one[] = {down};
  matmul<Forms>(machine, between, one, scratch);
}

TENON_KERNELS_END
