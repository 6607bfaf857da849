#pragma once
// Products on a GPU, called as on a processor. Weights stored as integers are packed in the panels of processors, byte for byte, and become
// numbers in registers; floats of every kind are packed as rows of bf16, padded to whole 16 bytes. Sums are single precision.
//
// Up to tuning::few_tokens tokens x and weights are used as they are, by kernels that take as long as reading the weights; more tokens go
// through matrix units, x and weights rounded to bf16. Of either kind a token's bits do not depend on its batch.

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/few_tokens.hpp>
#include <tenon/kernels/launch/gpu/gate.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/gpu/panel_matmul.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/tuning/products.hpp>

TENON_KERNELS_BEGIN

/// The problem of a model's products.
struct device_product {
  using out = float;
};

namespace kernel_detail {

constexpr index_t staged_depth(index_t depth) { return (depth + 63) / 64 * 64; }

/// x in bf16 and in an order, rows padded with zeros to whole stages.
template <class Order, device_machine Machine>
const bf16* arrange_rows(const Machine& machine, const view<const float, 2>& x, bf16* to) {
  const index_t depth = x.extent[1];
  launch(machine, static_cast<int>(x.extent[0]), 1,
         arrange_body<typename Machine::leaf, Order>{x.data, to, x.stride[0], static_cast<int>(depth), static_cast<int>(staged_depth(depth)),
                                                     reinterpret_cast<std::uintptr_t>(x.data) % 8 == 0 && x.stride[0] % 2 == 0});
  return to;
}

/// x of one call, and in the scratch, once asked for, what matrix units take of it: bf16 in its own order, or in that of panels.
template <device_machine Machine>
class device_x {
 public:
  using arch_words = words_of<typename Machine::arch>;
  using leaf = typename Machine::leaf;
  using ordered_words = typename arch_words::template panel_matmul<leaf, panel::q8_0, 1>;  // whose order is that of all panels
  static std::size_t bytes(index_t tokens, index_t depth) {
    return static_cast<std::size_t>(tokens * staged_depth(depth)) * sizeof(bf16) * (same_order<ordered_words, natural_order>() ? 1 : 2);
  }

  device_x(const Machine& machine, view<const float, 2> x, std::byte* scratch) : machine_(machine), x_(x), scratch_(reinterpret_cast<bf16*>(scratch)) {}
  const view<const float, 2>& rows() const { return x_; }
  const bf16* natural() { return made<natural_order>(natural_, 0); }
  const bf16* ordered() {
    if constexpr (same_order<ordered_words, natural_order>())
      return natural();
    else
      return made<ordered_words>(ordered_, x_.extent[0] * staged_depth(x_.extent[1]));
  }

 private:
  template <class Order>
  const bf16* made(bool& is, index_t at) {
    if (!is) arrange_rows<Order>(machine_, x_, scratch_ + at);
    is = true;
    return scratch_ + at;
  }
  const Machine& machine_;
  view<const float, 2> x_;
  bf16* scratch_;
  bool natural_ = false, ordered_ = false;
};

/// Bytes of 16 rows of packed weights.
template <class Format>
index_t pitch_of(index_t depth) {
  if constexpr (std::is_same_v<Format, bf16_rows>)
    return panel::columns * bf16_rows::padded(depth) * static_cast<index_t>(sizeof(bf16));
  else
    return (depth + Format::depth - 1) / Format::depth * Format::bytes;
}

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
    const gated_rows in{x.natural(), {rows(w[0]), rows(w[1])}, staged, bf16_rows::padded(depth), sink.tokens, sink.rows, depth};
    launch(machine, tiles(sink.rows, words::block_rows), tiles(sink.tokens, words::block_tokens), gated_product_on<words>(machine, in, sink), words::shared_bytes);
  } else if constexpr (std::is_same_v<Format, bf16_rows>) {
    using words = typename words_of<typename Machine::arch>::template matmul<leaf>;
    matmul_arguments<device_product> a{};
    a.x = x.natural(), a.w = reinterpret_cast<const bf16*>(w[0].data), a.out = sink.out, a.bias = sink.bias, a.residual = sink.previous;
    a.tokens = sink.tokens, a.rows = sink.rows, a.depth = depth;
    a.x_stride = staged, a.w_stride = bf16_rows::padded(depth), a.out_stride = sink.out_stride, a.residual_stride = sink.previous_stride;
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
/// out = x w^T by Join, of one matrix, or of two of one storage, a gate's and that which it opens.
template <device_machine Machine, int Matrices, class Join>
void launch_product(const Machine& machine, device_x<Machine>& x, const packed_matrix (&w)[Matrices], const Join& join, const view<float, 2>& out, const float* bias, finish how) {
  if (reinterpret_cast<std::uintptr_t>(out.data) % 16 != 0) throw error("[matmul] out must begin at a multiple of 16 bytes on a GPU. Fix: align it.");
  const device_sink<typename Machine::leaf, float, Join> sink{out.data, bias, how == finish::add ? out.data : nullptr, static_cast<int>(out.extent[0]), static_cast<int>(out.extent[1]),
                                                              out.stride[0], out.stride[0], join};
  with_device_weights(w[0].kind, [&](auto format) {
    using Format = decltype(format);
    if (sink.tokens == 1)
      launch_few<Format, 1>(machine, x.rows(), w, sink);
    else if (sink.tokens <= tuning::few_tokens)
      launch_few<Format, 4>(machine, x.rows(), w, sink);
    else
      launch_tiles<Format>(machine, x, w, sink);
  });
}

}  // namespace kernel_detail

template <device_machine Machine>
std::size_t packed_bytes(const Machine&, storage kind, compute, index_t rows, index_t depth) {
  return with_device_weights(kind, [&](auto format) {
    using Format = decltype(format);
    const index_t whole = std::is_same_v<Format, bf16_rows> ? rows : kernel_detail::tiles(rows, panel::columns) * panel::columns;
    return round_up(static_cast<std::size_t>(whole * (kernel_detail::pitch_of<Format>(depth) / panel::columns)), 64);
  });
}
/// Written by the host, which calls `done` every 4 MiB or so; `how` is kept and not followed.
template <device_machine Machine>
packed_matrix pack(const Machine&, const stored_matrix& matrix, compute how, std::byte* where, const read_until_here& done = {}) {
  if (!with_device_weights(matrix.kind, [](auto format) { return std::is_same_v<decltype(format), bf16_rows>; })) {
    packed_matrix out = pack(cpu_scalar(), matrix, compute::int8, where, done);
    out.how = how;
    return out;
  }
  const index_t depth = bf16_rows::padded(matrix.columns), often = depth == 0 ? 1 : 1 + (index_t{1} << 21) / depth;
  const buffer room(static_cast<std::size_t>(matrix.columns) * sizeof(float), "a row of weights");
  auto* const floats = reinterpret_cast<float*>(room.data());
  for (index_t i = 0; i < matrix.rows; ++i) {
    auto* const row = reinterpret_cast<bf16*>(where) + i * depth;
    matrix.decode_row(i, floats);
    for (index_t j = 0; j < depth; ++j) row[j] = bf16(j < matrix.columns ? floats[j] : 0.0f);
    if ((i + 1) % often == 0 || i + 1 == matrix.rows) done();
  }
  return {storage::bf16, how, matrix.rows, matrix.columns, where};
}

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
  for (const product& p : products) kernel_detail::launch_product(machine, of, {p.weights}, added{}, p.out, p.bias, p.how);
}

/// In one kernel where both matrices are stored alike. The scratch is that of matmul_scratch for the wider of depth
/// and rows.
template <form_set Forms = every_form, device_machine Machine, class Gate>
void gated_matmul(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit, view<float, 2> out, std::byte* scratch) {
  kernel_detail::check(x, gate, out);
  kernel_detail::check(x, up, out);
  if (x.extent[0] == 0) return;
  const index_t wider = kernel_detail::staged_depth(x.extent[1] > gate.rows ? x.extent[1] : gate.rows);
  kernel_detail::device_x<Machine> of(machine, x, scratch + static_cast<std::size_t>(x.extent[0] * wider) * sizeof(float));
  if (gate.kind == up.kind) return kernel_detail::launch_product(machine, of, {gate, up}, unit, out, nullptr, finish::store);
  const view<float, 2> opening(reinterpret_cast<float*>(scratch), x.extent[0], gate.rows);
  kernel_detail::launch_product(machine, of, {gate}, added{}, opening, nullptr, finish::store);
  kernel_detail::launch_product(machine, of, {up}, added{}, out, nullptr, finish::store);
  open_gate(machine, unit, opening, out, out);
}

/// A head that is packed is the table too: `embed` reads rows of panels.
template <device_machine Machine>
std::size_t lookup_bytes(const Machine& machine, const stored_matrix& stored, const packed_matrix* head) {
  return head != nullptr ? 0 : packed_bytes(machine, stored.kind, compute::bf16, stored.rows, stored.columns);
}
template <device_machine Machine>
stored_matrix lookup_table(const Machine& machine, const stored_matrix& stored, const packed_matrix* head, std::byte* where) {
  const packed_matrix table = head != nullptr ? *head : pack(machine, stored, compute::bf16, where);
  return {.kind = table.kind, .rows = table.rows, .columns = table.depth, .bytes = table.data};
}

TENON_KERNELS_END
