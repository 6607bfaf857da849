#pragma once
// Products on sm_90a. Beside the call of every GPU its kernel takes maps of x and w, by value, as in launch/nvidia/attention_sm90a.hpp.

#include <concepts>

#include <tenon/kernels/atoms/sm90a/matmul.hpp>
#include <tenon/kernels/atoms/sm90a/stored_matmul.hpp>
#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/gpu/panel_matmul.hpp>
#include <tenon/kernels/tuning/sm90a.hpp>

TENON_KERNELS_BEGIN

/// The tile of a product of Numbers: rows of all its matrices together, stages.
template <class Number>
inline constexpr tuning::sm90a::matmul_tile sm90a_tile = sizeof(Number) == 1 ? tuning::sm90a::matmul_of_8_bits() : tuning::sm90a::matmul();
/// The words of a product of Numbers, bf16 or e4m3, of one matrix or of two, a gate's and that which it opens. `threads`, `shared_bytes`, `block_tokens` and `block_rows`
/// say how to launch it.
template <class Leaf, class Number = bf16, int Matrices = 1>
using sm90a_matmul = atoms::sm90a::matmul_words<Leaf, sm90a_tile<Number>.rows, sm90a_tile<Number>.stages, Matrices, Number>;

/// The tile of a problem's product: its own, if it has one: `static constexpr tuning::sm90a::matmul_tile tile{128, 4};`
template <class Problem>
inline constexpr tuning::sm90a::matmul_tile sm90a_problem_tile = tuning::own_tile_or<Problem>(sm90a_tile<problem_number<Problem>>);
/// The words of a problem's product, in that tile.
template <class Leaf, class Problem>
using sm90a_problem_matmul = atoms::sm90a::matmul_words<Leaf, sm90a_problem_tile<Problem>.rows, sm90a_problem_tile<Problem>.stages, problem_matrices<Problem>, problem_number<Problem>>;

/// Those of a product with weights in panels of Format, of one matrix or two.
template <class Leaf, class Format, int Matrices>
using sm90a_panel_matmul = atoms::sm90a::stored_matmul_words<Leaf, Format, Matrices, tuning::sm90a::stored_stages>;

/// Maps are operand_shape() of the call's, as the machine encodes it.
template <class Problem>
struct matmul_tensor_arguments {
  matmul_arguments<Problem> call;
  tensor_map x, w[problem_matrices<Problem>];
};

/// A matrix [rows, depth] of Number, its rows `stride` numbers apart, in boxes of `box_rows` by 128 bytes.
template <class Number>
tensor_shape operand_shape(const Number* first, int rows, int depth, index_t stride, int box_rows) {
  return {.first = first,
          .element_bytes = sizeof(Number),
          .axes = 2,
          .extent = {static_cast<std::uint32_t>(depth), static_cast<std::uint32_t>(rows), 0, 0},
          .stride = {sizeof(Number), static_cast<std::uint64_t>(stride) * sizeof(Number), 0, 0},
          .box = {128 / sizeof(Number), static_cast<std::uint32_t>(box_rows), 0, 0}};
}

/// What one thread does.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void matmul_tensor_kernel(const matmul_tensor_arguments<Problem>& a) {
  Words m;
  typename Words::source in{};
  in.x = &a.x, in.token = Leaf::block_y() * Words::block_tokens, in.row = Leaf::block_x() * Words::block_rows, in.deep = a.call.depth;
  in.scales = scales_of_tile<Leaf, Words>(a.call);
  for (int i = 0; i < Words::matrices; ++i) in.w[i] = &a.w[i];
  if (m.produces()) return m.produce(in);
  tile_matmul(m, in, [&]() TENON_LAMBDA { return sink_of_tile<Leaf, Words>(a.call); });
}

/// The kernel, as every machine of GPUs launches it.
template <class Leaf, class Words, class Problem>
struct matmul_tensor_body {
  matmul_tensor_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { matmul_tensor_kernel<Leaf, Words>(a); }
};

/// The kernel of a call, found by its words (launch/gpu/matmul.hpp).
template <class Words, device_machine Machine, class Problem>
  requires std::same_as<typename Words::operand, tensor_map>
auto product_on(const Machine& machine, const matmul_arguments<Problem>& a) {
  matmul_tensor_body<typename Machine::leaf, Words, Problem> body{{a, machine.encode(operand_shape(a.x, a.tokens, a.depth, a.x_stride, Words::block_tokens)), {}}};
  for (int i = 0; i < Words::matrices; ++i) body.a.w[i] = machine.encode(operand_shape(i == 0 ? a.w : a.opened, a.rows, a.depth, a.w_stride, Words::box_rows));
  return body;
}

/// A product with weights in panels, as every machine of GPUs launches it. `x` is operand_shape() of the call's, as the machine encodes it.
template <class Leaf, class Words, class Out, class Join>
struct panel_tensor_body {
  tensor_map x;
  typename Words::source in;  ///< from token 0 and panel 0
  device_sink<Leaf, Out, Join> sink;
  static constexpr int threads = Words::threads, shared_bytes = Words::shared_bytes;

  TENON_BOTH void operator()() const {
    const int token = Leaf::block_y() * Words::block_tokens, panel = Leaf::block_x() * (Words::block_rows / 16);
    Words m;
    if (m.produces()) return m.produce(x, token, in.deep);
    typename Words::source here = in;
    here.panels -= panel;
    for (auto& w : here.w) w += panel * here.pitch;
    tile_matmul(m, here, [&]() TENON_LAMBDA { return sink.from(Leaf::block_y() * Words::block_tokens, Leaf::block_x() * Words::block_rows); });
  }
};
template <class Words, device_machine Machine, class Source, class Leaf, class Out, class Join>
  requires std::same_as<typename Words::operand, tensor_map>
auto panel_product_on(const Machine& machine, const Source& in, const device_sink<Leaf, Out, Join>& sink) {
  return panel_tensor_body<Leaf, Words, Out, Join>{machine.encode(operand_shape(in.x, in.tokens, in.deep, in.x_stride, Words::block_tokens)), in, sink};
}

TENON_KERNELS_END
