#pragma once
// Products on a GPU, called as on a processor. Weights are packed as rows of bf16, padded to whole 16 bytes, however they are stored; x is
// rounded to bf16 first. Sums are single precision, in order of the depth: a token's bits do not depend on its batch.

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/gate.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// out [row, padded width] = x [row, width] in bf16, zeros in the padding. Grid: x = rows.
template <class Leaf>
struct round_body {
  static constexpr int threads = 128;
  kernel_detail::device_floats<const float> x;
  bf16* out;
  int width, padded;  ///< padded: the next multiple of 8

  TENON_BOTH TENON_INLINE void operator()() const {
    const index_t row = Leaf::block_x();
    for (int i = 4 * Leaf::thread(); i < padded; i += 4 * threads) {
      float four[4];
      load_four<Leaf>(x.data + row * x.stride + i, x.wide, width - i, four);
      Leaf::store(reinterpret_cast<bits64*>(out + row * padded + i), bits64{{Leaf::pack_bf16(four[0], four[1]), Leaf::pack_bf16(four[2], four[3])}});
    }
  }
};

/// The problem of a model's products.
struct device_product {
  using out = float;
};

namespace kernel_detail {

constexpr index_t device_depth(index_t depth) { return (depth + 7) / 8 * 8; }

template <device_machine Machine>
const bf16* round_rows(const Machine& machine, view<const float, 2> x, std::byte* to) {
  auto* const rounded = reinterpret_cast<bf16*>(to);
  launch(machine, static_cast<int>(x.extent[0]), 1,
         round_body<typename Machine::leaf>{device_floats<const float>(x), rounded, static_cast<int>(x.extent[1]), static_cast<int>(device_depth(x.extent[1]))});
  return rounded;
}
template <device_machine Machine>
void launch_product(const Machine& machine, const bf16* x, index_t depth, const product& p) {
  using leaf = typename Machine::leaf;
  using words = typename words_of<typename Machine::arch>::template matmul<leaf>;
  if (reinterpret_cast<std::uintptr_t>(p.out.data) % 16 != 0) throw error("[matmul] out must begin at a multiple of 16 bytes on a GPU. Fix: align it.");
  matmul_body<leaf, words, device_product> body{};
  auto& a = body.a;
  a.x = x, a.w = reinterpret_cast<const bf16*>(p.weights.data), a.out = p.out.data, a.bias = p.bias, a.residual = p.how == finish::add ? p.out.data : nullptr;
  a.tokens = static_cast<int>(p.out.extent[0]), a.rows = static_cast<int>(p.weights.rows), a.depth = static_cast<int>(depth);
  a.x_stride = a.w_stride = device_depth(depth), a.out_stride = a.residual_stride = p.out.stride[0];
  launch(machine, tiles(a.rows, words::block_rows), tiles(a.tokens, words::block_tokens), body, words::shared_bytes);
}

}  // namespace kernel_detail

template <device_machine Machine>
std::size_t packed_bytes(const Machine&, storage, compute, index_t rows, index_t depth) {
  return round_up(static_cast<std::size_t>(rows * kernel_detail::device_depth(depth)) * sizeof(bf16), 64);
}
/// Written by the host, which calls `done` every 4 MiB or so; `how` is kept and not followed: a GPU's products take bf16.
template <device_machine Machine>
packed_matrix pack(const Machine&, const stored_matrix& matrix, compute how, std::byte* where, const read_until_here& done = {}) {
  const index_t depth = kernel_detail::device_depth(matrix.columns), often = 1 + (index_t{1} << 21) / depth;
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

/// Rounded x, and the opening half of a gated product as wide as `depth`.
template <device_machine Machine>
std::size_t matmul_scratch(const Machine&, index_t tokens, index_t depth) {
  return round_up(static_cast<std::size_t>(tokens * kernel_detail::device_depth(depth)) * (sizeof(bf16) + sizeof(float)), 64);
}

template <form_set Forms = every_form, device_machine Machine, int Count>
void matmul(const Machine& machine, view<const float, 2> x, const product (&products)[Count], std::byte* scratch) {
  for (const product& p : products) kernel_detail::check(x, p.weights, p.out);
  if (x.extent[0] == 0) return;
  const bf16* const rounded = kernel_detail::round_rows(machine, x, scratch);
  for (const product& p : products) kernel_detail::launch_product(machine, rounded, x.extent[1], p);
}

/// The scratch is that of matmul_scratch for the wider of depth and rows.
template <form_set Forms = every_form, device_machine Machine, class Gate>
void gated_matmul(const Machine& machine, view<const float, 2> x, const packed_matrix& gate, const packed_matrix& up, const Gate& unit, view<float, 2> out, std::byte* scratch) {
  kernel_detail::check(x, gate, out);
  kernel_detail::check(x, up, out);
  if (x.extent[0] == 0) return;
  const index_t wider = kernel_detail::device_depth(x.extent[1] > gate.rows ? x.extent[1] : gate.rows);
  const view<float, 2> opening(reinterpret_cast<float*>(scratch), x.extent[0], gate.rows);
  const bf16* const rounded = kernel_detail::round_rows(machine, x, scratch + static_cast<std::size_t>(x.extent[0] * wider) * sizeof(float));
  kernel_detail::launch_product(machine, rounded, x.extent[1], {.weights = gate, .out = opening});
  kernel_detail::launch_product(machine, rounded, x.extent[1], {.weights = up, .out = out});
  open_gate(machine, unit, opening, out, out);
}

template <device_machine Machine>
std::size_t lookup_bytes(const Machine& machine, const stored_matrix& stored, const packed_matrix* head) {
  return head != nullptr ? 0 : packed_bytes(machine, stored.kind, compute::bf16, stored.rows, stored.columns);
}
template <device_machine Machine>
stored_matrix lookup_table(const Machine& machine, const stored_matrix& stored, const packed_matrix* head, std::byte* where) {
  const packed_matrix table = head != nullptr ? *head : pack(machine, stored, compute::bf16, where);
  return {.kind = storage::bf16, .rows = table.rows, .columns = table.depth, .bytes = table.data};
}

TENON_KERNELS_END
