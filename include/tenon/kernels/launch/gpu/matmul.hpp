#pragma once
// Products on a GPU: what a kernel is given, and what each of its threads does, over the words of any machine. A problem is a named struct:
// `struct my_product { using out = bf16; };`, with `using number = f16;`, std::int8_t or e4m3 where operands are not bf16, `using join = swiglu;` where a gate
// opens the sums, and `static constexpr int matrices = 2;` where it opens those of another matrix. Grid: x = tiles of rows of w, y = tiles of tokens. A result is
// one chain along the depth, the same whatever its tile: a token's bits do not depend on its batch.

#include <type_traits>

#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/problem.hpp>
#include <tenon/kernels/shared/device_sink.hpp>
#include <tenon/kernels/shared/quantised.hpp>
#include <tenon/kernels/shared/scaled_sink.hpp>
#include <tenon/kernels/skeletons/tile_matmul.hpp>

TENON_KERNELS_BEGIN

/// out [token, row] = join(residual [token, row], x [token, depth] w [row, depth]^T + bias [row]), where there is no residual without it; of two matrices
/// join(x w^T, x opened^T), where there is neither. Strides count elements; those of x and w are multiples of 16 bytes and their first elements aligned to 16
/// bytes. bias and residual may be null. Numbers of 8 bits have a scale for each 128 of the depth of a token of x, by which these sums (exact where they are
/// integers) are multiplied before they are added in single precision, and one for each row of w (null: 1). out of 8 bits is such an x for another product
/// (quantised_out); its residual is of floats.
template <class Problem>
struct matmul_arguments {
  using out_type = typename Problem::out;
  using number = problem_number<Problem>;
  static constexpr bool quantises = sizeof(out_type) == 1;
  using result = std::conditional_t<quantises, float, out_type>;
  const number *x, *w, *opened;  ///< opened: as w
  out_type* out;
  const float* bias;
  const result* residual;
  int tokens, rows, depth;
  index_t x_stride, w_stride, out_stride, residual_stride;
  const float *x_scale, *w_scale, *opened_scale;  ///< [depth / 128, token], never null for numbers of 8 bits; [row]
  index_t w_scale_stride = 1;
  float* out_scale;  ///< [row / 128, token]
  problem_join<Problem> join;
};

/// The problem of a model's products: of bf16, or of Number.
template <class Number = bf16>
struct device_product {
  using out = float;
  using number = Number;
};
/// The same of a gate and what it opens. Out: float, or Number for another product of it.
template <class Number, class Out, class Join>
struct gated_product {
  using out = Out;
  using number = Number;
  using join = Join;
  static constexpr int matrices = 2;
};

namespace kernel_detail {
template <class Leaf, class Problem, class Sink>
TENON_BOTH TENON_INLINE auto scaled_by_rows(const matmul_arguments<Problem>& a, const Sink& sink, int first_row) {
  if constexpr (sizeof(problem_number<Problem>) == 1) {
    scaled_sink<Leaf, Sink, problem_matrices<Problem>> out{sink, {}, a.w_scale_stride};
    for (int i = 0; i < problem_matrices<Problem>; ++i) {
      const float* const scales = i == 0 ? a.w_scale : a.opened_scale;
      out.of_rows[i] = scales == nullptr ? nullptr : scales + first_row * a.w_scale_stride;
    }
    return out;
  } else {
    return sink;
  }
}
}  // namespace kernel_detail

/// Where the sums of this block's tile go.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE auto sink_of_tile(const matmul_arguments<Problem>& a) {
  using arguments = matmul_arguments<Problem>;
  using plain_sink = device_sink<Leaf, typename arguments::result, problem_join<Problem>>;
  const int first_token = Leaf::block_y() * Words::block_tokens, first_row = Leaf::block_x() * Words::block_rows;
  if constexpr (arguments::quantises) {
    static_assert(Words::block_rows % values_per_scale == 0, "[matmul] results of 8 bits need tiles of whole 128 rows. Fix: such a tile (tuning/).");
    const plain_sink sink = plain_sink{nullptr, a.bias, a.residual, a.tokens, a.rows, 0, a.residual_stride, a.join}.from(first_token, first_row);
    const auto scaled = kernel_detail::scaled_by_rows<Leaf>(a, sink, first_row);
    const quantised_out<Leaf, typename Problem::out> out{a.out, a.out_scale, a.out_stride, a.tokens, a.tokens, static_cast<int>(quantised_stride(a.rows))};
    return quantising_sink<Leaf, typename Problem::out, std::remove_cv_t<decltype(scaled)>>{scaled, out.from(first_token, first_row)};
  } else {
    return kernel_detail::scaled_by_rows<Leaf>(a, plain_sink{a.out, a.bias, a.residual, a.tokens, a.rows, a.out_stride, a.residual_stride, a.join}.from(first_token, first_row), first_row);
  }
}
/// The scales of x from this block's first token on.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE token_scales scales_of_tile(const matmul_arguments<Problem>& a) {
  if constexpr (sizeof(problem_number<Problem>) != 1) return {};
  const int token = Leaf::block_y() * Words::block_tokens;
  return {a.x_scale + token, a.tokens, a.tokens - token};
}

/// What one thread does.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void matmul_kernel(const matmul_arguments<Problem>& a) {
  static_assert(Words::matrices == problem_matrices<Problem>);
  const int row = Leaf::block_x() * Words::block_rows, token = Leaf::block_y() * Words::block_tokens;
  Words m;
  typename Words::source in{};
  in.x = a.x + token * a.x_stride, in.x_stride = a.x_stride, in.w_stride = a.w_stride;
  in.tokens = a.tokens - token, in.rows = a.rows - row, in.deep = a.depth, in.scales = scales_of_tile<Leaf, Words>(a);
  for (int i = 0; i < Words::matrices; ++i) in.w[i] = (i == 0 ? a.w : a.opened) + row * a.w_stride;
  tile_matmul(m, in, [&]() TENON_LAMBDA { return sink_of_tile<Leaf, Words>(a); });
}

/// The kernel, as every machine of GPUs launches it: machine.launch(grid, {threads}, Words::shared_bytes, matmul_body<Leaf, Words, Problem>{a}).
template <class Leaf, class Words, class Problem>
struct matmul_body {
  matmul_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { matmul_kernel<Leaf, Words>(a); }
};
/// That of a call. Where it takes more than the call, an overload for its words says so.
template <class Words, device_machine Machine, class Problem>
auto product_on(const Machine&, const matmul_arguments<Problem>& a) {
  return matmul_body<typename Machine::leaf, Words, Problem>{a};
}

TENON_KERNELS_END
