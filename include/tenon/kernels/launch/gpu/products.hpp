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
/// The product of many tokens and rows of Format that `to` asks for: out, bias, residual and join.
template <class Format, class Problem, device_machine Machine>
void launch_rows(const Machine& machine, device_x<Machine>& x, const packed_matrix (&w)[problem_matrices<Problem>], const matmul_arguments<Problem>& to) {
  using number = typename Format::number;
  using words = typename words_of<typename Machine::arch>::template matmul<typename Machine::leaf, number, problem_matrices<Problem>>;
  const auto rows = [](const packed_matrix& m) { return reinterpret_cast<const number*>(m.data); };
  const index_t depth = w[0].depth;
  matmul_arguments<Problem> a = to;
  a.tokens = static_cast<int>(x.rows().extent[0]), a.rows = static_cast<int>(w[0].rows), a.depth = static_cast<int>(depth);
  a.w = rows(w[0]), a.opened = rows(w[problem_matrices<Problem> - 1]), a.w_stride = Format::stride(depth);
  if constexpr (Format::scaled) {
    const auto scales = [&](const number* of) { return reinterpret_cast<const float*>(of + Format::padded(depth)); };
    const auto quantised = x.template quantised<number>();
    a.x = quantised.numbers, a.x_scale = quantised.scales, a.x_stride = quantised_stride(depth);
    a.w_scale = scales(a.w), a.opened_scale = scales(a.opened), a.w_scale_stride = a.w_stride / 4;
  } else {
    a.x = x.natural(), a.x_stride = staged_depth(depth);
  }
  launch(machine, tiles(a.rows, words::block_rows), tiles(a.tokens, words::block_tokens), product_on<words>(machine, a), words::shared_bytes);
}
template <class Format, device_machine Machine, int Matrices, class Join>
void launch_tiles(const Machine& machine, device_x<Machine>& x, const packed_matrix (&w)[Matrices], const device_sink<typename Machine::leaf, float, Join>& sink) {
  if constexpr (lies_in_rows<Format>) {
    using number = typename Format::number;
    matmul_arguments<std::conditional_t<Matrices == 2, gated_product<number, float, Join>, device_product<number>>> to{};
    to.out = sink.out, to.bias = sink.bias, to.residual = sink.previous, to.out_stride = sink.out_stride, to.residual_stride = sink.previous_stride, to.join = sink.join;
    launch_rows<Format>(machine, x, w, to);
  } else {
    using words = typename words_of<typename Machine::arch>::template panel_matmul<typename Machine::leaf, Format, Matrices>;
    const index_t depth = x.rows().extent[1], staged = staged_depth(depth);
    typename words::source in{};
    in.x = x.ordered(), in.x_stride = staged, in.deep = static_cast<int>(staged), in.tokens = sink.tokens;
    for (int m = 0; m < Matrices; ++m) in.w[m] = w[m].data;
    in.pitch = pitch_of<Format>(depth), in.panels = tiles(sink.rows, panel::columns);
    launch(machine, tiles(sink.rows, words::block_rows), tiles(sink.tokens, words::block_tokens), panel_product_on<words>(machine, in, sink), words::shared_bytes);
  }
}

/// out = x w^T by Join, of one matrix, or of two that are packed alike, a gate's and that which it opens.
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
    else
      launch_tiles<Format>(machine, x, w, sink);
  });
}

/// Of the opening half of a gated product, as floats; quantised_bytes are no more.
constexpr std::size_t opening_bytes(index_t tokens, index_t width) { return static_cast<std::size_t>(tokens * staged_depth(width)) * sizeof(float); }

}  // namespace kernel_detail

/// Arranged x, and the opening half of a gated product, or what comes of it in 8 bits, as wide as `depth`.
template <device_machine Machine>
std::size_t matmul_scratch(const Machine&, index_t tokens, index_t depth) {
  return round_up(kernel_detail::device_x<Machine>::bytes(tokens, depth) + kernel_detail::opening_bytes(tokens, depth), 64);
}

template <form_set Forms = every_form, device_machine Machine, int Count>
void matmul(const Machine& machine, view<const float, 2> x, const product (&products)[Count], std::byte* scratch) {
  for (const product& p : products) kernel_detail::check(x, p.weights, p.out);
  if (x.extent[0] == 0) return;
  kernel_detail::device_x<Machine> of(machine, x, scratch);
  for (const product& p : products) kernel_detail::launch_product<Forms>(machine, of, {p.weights}, added{}, p.out, p.bias, p.how);
}

/// In one kernel where both matrices are packed alike. The scratch is that of matmul_scratch for the wider of depth and rows.
template <form_set Forms = every_form, device_machine Machine, class Gate>
void gated_matmul(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit, view<float, 2> out, std::byte* scratch) {
  kernel_detail::check(x, gate, out);
  kernel_detail::check(x, up, out);
  if (x.extent[0] == 0) return;
  kernel_detail::device_x<Machine> of(machine, x, scratch + kernel_detail::opening_bytes(x.extent[0], x.extent[1] > gate.rows ? x.extent[1] : gate.rows));
  if (gate.kind == up.kind && gate.as == up.as) return kernel_detail::launch_product<Forms>(machine, of, {gate, up}, unit, out, nullptr, finish::store);
  const view<float, 2> opening(reinterpret_cast<float*>(scratch), x.extent[0], gate.rows);
  kernel_detail::launch_product<Forms>(machine, of, {gate}, added{}, opening, nullptr, finish::store);
  kernel_detail::launch_product<Forms>(machine, of, {up}, added{}, out, nullptr, finish::store);
  open_gate(machine, unit, opening, out, out);
}

/// As on a processor. Where all three matrices are rows of the same numbers of 8 bits and tokens are many, what lies between is such numbers too, made by the
/// product itself, and `between` is not touched.
template <form_set Forms = every_form, device_machine Machine, class Gate>
void gated_mlp_products(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit, view<float, 2> between,
                        const product& down, std::byte* scratch) {
  kernel_detail::check(x, gate, between), kernel_detail::check(x, up, between), kernel_detail::check(view<const float, 2>(between), down.weights, down.out);
  const index_t tokens = x.extent[0], hidden = gate.rows;
  const auto of_8_bits = [&](const packed_matrix& w) { return w.as == packed_as::rows_of_8_bits && w.kind == down.weights.kind; };
  if (tokens > tuning::few_tokens && of_8_bits(gate) && of_8_bits(up) && of_8_bits(down.weights))
    return kernel_detail::with_packed<Forms>(machine, down.weights, [&](auto format) {
      using Format = decltype(format);
      if constexpr (lies_in_rows<Format>)
        if constexpr (Format::scaled) {
          using number = typename Format::number;
          const kernel_detail::quantised_rows<number> made(scratch, tokens, hidden);
          kernel_detail::device_x<Machine> of(machine, x, scratch + kernel_detail::quantised_bytes(tokens, hidden));
          matmul_arguments<gated_product<number, number, Gate>> to{};
          to.out = made.numbers, to.out_scale = made.scales, to.out_stride = quantised_stride(hidden), to.join = unit;
          kernel_detail::launch_rows<Format>(machine, of, {gate, up}, to);
          kernel_detail::device_x<Machine> between_x(machine, tokens, hidden, made);
          kernel_detail::launch_product<Forms>(machine, between_x, {down.weights}, added{}, down.out, down.bias, down.how);
        }
    });
  gated_matmul<Forms>(machine, x, gate, up, unit, between, scratch);
  const product one[] = {down};
  matmul<Forms>(machine, between, one, scratch);
}

TENON_KERNELS_END
