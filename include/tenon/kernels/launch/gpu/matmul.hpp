#pragma once
// Products on a GPU: what a kernel is given, and what each of its threads does, over the words of any machine. A problem is a named struct:
// `struct my_product { using out = bf16; };`, with `using number = f16;`, std::int8_t or e4m3 where operands are not bf16. Grid: x = tiles of rows of w, y = tiles of tokens. A result is one chain along the depth, the
// same whatever its tile: a token's bits do not depend on its batch.

#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/problem.hpp>
#include <tenon/kernels/shared/device_sink.hpp>
#include <tenon/kernels/shared/scaled_sink.hpp>
#include <tenon/kernels/skeletons/tile_matmul.hpp>

TENON_KERNELS_BEGIN

/// out [token, row] = x [token, depth] w [row, depth]^T + bias [row] + residual [token, row]. Strides count elements; those of x and w are
/// multiples of 16 bytes and their first elements aligned to 16 bytes. bias and residual may be null. Numbers of 8 bits have a scale per token of
/// x and per row of w, by which their sums (exact where they are integers) are multiplied; null: 1.
template <class Problem>
struct matmul_arguments {
  using out_type = typename Problem::out;
  using number = problem_number<Problem>;
  const number *x, *w;
  out_type* out;
  const float* bias;
  const out_type* residual;
  int tokens, rows, depth;
  index_t x_stride, w_stride, out_stride, residual_stride;
  const float *x_scale, *w_scale;
  index_t w_scale_stride = 1;
};

/// The problem of a model's products: of bf16, or of Number.
template <class Number = bf16>
struct device_product {
  using out = float;
  using number = Number;
};

/// Where the sums of this block's tile go.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE auto sink_of_tile(const matmul_arguments<Problem>& a) {
  using plain_sink = device_sink<Leaf, typename Problem::out>;
  const int first_token = Leaf::block_y() * Words::block_tokens, first_row = Leaf::block_x() * Words::block_rows;
  const plain_sink sink = plain_sink{a.out, a.bias, a.residual, a.tokens, a.rows, a.out_stride, a.residual_stride, {}}.from(first_token, first_row);
  if constexpr (sizeof(problem_number<Problem>) == 1)
    return scaled_sink<Leaf, plain_sink>{sink, a.x_scale == nullptr ? nullptr : a.x_scale + first_token, a.w_scale == nullptr ? nullptr : a.w_scale + first_row * a.w_scale_stride, a.w_scale_stride};
  else
    return sink;
}

/// What one thread does.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void matmul_kernel(const matmul_arguments<Problem>& a) {
  const int row = Leaf::block_x() * Words::block_rows, token = Leaf::block_y() * Words::block_tokens;
  Words m;
  const typename Words::source in{a.x + token * a.x_stride, {a.w + row * a.w_stride}, a.x_stride, a.w_stride, a.tokens - token, a.rows - row, a.depth};
  tile_matmul(m, in, [&]() TENON_LAMBDA { return sink_of_tile<Leaf, Words>(a); });
}

/// Two matrices of rows [row, depth] and x [token, depth], as matmul_arguments has one.
struct gated_rows {
  const bf16 *x, *w[2];
  index_t x_stride, w_stride;
  int tokens, rows, depth;
};

/// out = open(x w[0]^T, x w[1]^T) by Join, of two matrices of rows, in one kernel. `in`: from token 0 and row 0.
template <class Leaf, class Words, class Out, class Join>
struct gated_rows_body {
  static constexpr int threads = Words::threads, shared_bytes = Words::shared_bytes;
  typename Words::source in;
  device_sink<Leaf, Out, Join> sink;

  TENON_BOTH void operator()() const {
    const int token = Leaf::block_y() * Words::block_tokens, row = Leaf::block_x() * Words::block_rows;
    typename Words::source here = in;
    here.x += token * here.x_stride, here.tokens -= token, here.rows -= row;
    for (auto& w : here.w) w += row * here.w_stride;
    Words m;
    tile_matmul(m, here, [&]() TENON_LAMBDA { return sink.from(Leaf::block_y() * Words::block_tokens, Leaf::block_x() * Words::block_rows); });
  }
};

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

/// The same of two matrices and their gate.
template <class Words, device_machine Machine, class Leaf, class Out, class Join>
auto gated_product_on(const Machine&, const gated_rows& in, const device_sink<Leaf, Out, Join>& sink) {
  return gated_rows_body<Leaf, Words, Out, Join>{{in.x, {in.w[0], in.w[1]}, in.x_stride, in.w_stride, in.tokens, in.rows, in.depth}, sink};
}

TENON_KERNELS_END
