#pragma once
// The gradients of y = x w^T + bias, for training.
//   dx[t, k] += sum_n dy[t, n] w[n, k],  dw[n, k] += sum_t dy[t, n] x[t, k],  dbias[n] += sum_t dy[t, n]
// Weights are read as `pack` left them, so that training and inference share one copy; they are those of f32 computed as fp32.
// Sums are fp32, in an order that depends on the shapes alone. Reference: kernels/reference/matmul_backward.hpp.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/atoms/cpu/transpose.hpp>
#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/shared/rows.hpp>

TENON_KERNELS_BEGIN

/// Where the gradients of one product go; all are added to. Null data: nobody asks.
struct product_gradients {
  view<float, 2> x;        ///< [token, depth]
  view<float, 2> weights;  ///< [row, depth]
  float* bias = nullptr;   ///< [row]
};

namespace kernel_detail {

// Columns [k, k + width) of dx += dy w over all rows of w, whose panels [depth][16] are turned a stretch at a time.
template <class Products>
void input_gradient(const packed_matrix& w, const view<const float, 2>& dy, const view<float, 2>& dx, index_t k, index_t width) {
  constexpr index_t lanes = panel::columns, stretch = 8 * lanes, widest = 64;
  alignas(64) float turned[stretch * widest];
  const index_t pitch = static_cast<index_t>(panel_bytes(w.kind, w.how, w.depth)) / index_t{sizeof(float)};
  for (index_t n = 0; n < w.rows; n += stretch) {
    const index_t here = w.rows - n < stretch ? w.rows - n : stretch;
    for (index_t p = 0; p < here; p += lanes) {
      const float* from = reinterpret_cast<const float*>(w.data) + (n + p) / lanes * pitch + k * lanes;
      const index_t whole = width / 4 * 4;
      for (index_t i = 0; i < whole; i += 4)
        for (index_t c = 0; c < lanes; c += 4) atoms::transpose_four(from + i * lanes + c, lanes, turned + (p + c) * widest + i, widest);
      for (index_t i = whole; i < width; ++i)
        for (index_t c = 0; c < lanes; ++c) turned[(p + c) * widest + i] = from[i * lanes + c];
    }
    Products::add(dx.data + k, dx.stride[0], {dy.data + n, dy.stride[0], 1}, turned, widest, dx.extent[0], width, here);
  }
}

// Rows [n, n + rows) of dw += dy^T x: a stretch of x is copied side by side, for its rows may lie a power of two apart.
template <class Products>
void weight_gradient(const view<const float, 2>& x, const view<const float, 2>& dy, const view<float, 2>& dw, index_t n, index_t rows) {
  constexpr index_t stretch = 128, widest = 64;
  alignas(64) float near[stretch * widest];
  const index_t tokens = x.extent[0], depth = x.extent[1];
  for (index_t t = 0; t < tokens; t += stretch)
    for (index_t k = 0; k < depth; k += widest) {
      const index_t here = tokens - t < stretch ? tokens - t : stretch, width = depth - k < widest ? depth - k : widest;
      for (index_t i = 0; i < here; ++i) __builtin_memcpy(near + i * widest, x.data + (t + i) * x.stride[0] + k, static_cast<std::size_t>(width) * sizeof(float));
      Products::add(dw.data + n * dw.stride[0] + k, dw.stride[0], {dy.data + t * dy.stride[0] + n, 1, dy.stride[0]}, near, widest, rows, width, here);
    }
}

inline void check_learned(const packed_matrix& w) {
  if (w.kind != storage::f32 || w.how != compute::fp32)
    throw error("[weights] of matmul_backward are ", name(w.kind), ": gradients are taken of weights stored as f32 and multiplied as fp32. Fix: precision = full_precision.");
}

inline void check_product_gradients(const view<const float, 2>& x, const packed_matrix& w, const view<const float, 2>& dy, const product_gradients& to) {
  check_learned(w);
  if (x.extent[1] != w.depth || dy.extent[1] != w.rows || dy.extent[0] != x.extent[0])
    throw error("[x, dy] of matmul_backward must be [", x.extent[0], ", ", w.depth, "] and [", x.extent[0], ", ", w.rows, "]. Fix: what matmul was given, and the gradient of its result.");
  if (to.x.data != nullptr && (to.x.extent[0] != x.extent[0] || to.x.extent[1] != w.depth))
    throw error("[gradients.x] of matmul_backward must be [", x.extent[0], ", ", w.depth, "]. Fix: the shape of x.");
  if (to.weights.data != nullptr && (to.weights.extent[0] != w.rows || to.weights.extent[1] != w.depth))
    throw error("[gradients.weights] of matmul_backward must be [", w.rows, ", ", w.depth, "]. Fix: the shape of the weights, not packed.");
  if (x.stride[1] != 1 || dy.stride[1] != 1 || (to.x.data != nullptr && to.x.stride[1] != 1) || (to.weights.data != nullptr && to.weights.stride[1] != 1))
    throw error("[x, dy] of matmul_backward and its gradients must have contiguous rows. Fix: pass views whose last stride is 1.");
}

}  // namespace kernel_detail

/// Adds the gradients of x [token, depth] w^T + bias, given dy [token, row], to the places that `to` names; these must not overlap x
/// or dy. Throws tenon::error for shapes that do not fit and for weights that are not f32.
template <class Machine>
void matmul_backward(const Machine& machine, view<const float, 2> x, const packed_matrix& w, view<const float, 2> dy, const product_gradients& to) {
  kernel_detail::check_product_gradients(x, w, dy, to);
  using products = typename Machine::atoms::attention_backward::products;
  const index_t tokens = x.extent[0], depth = w.depth;
  constexpr index_t wide = 64, high = 16;  // columns of dx, the fewest rows of dw for one thread
  if (to.x.data != nullptr)
    for_rows(machine, (depth + wide - 1) / wide, wide * w.rows * tokens, [&](index_t first, index_t last) {
      for (index_t k = first * wide; k < last * wide && k < depth; k += wide) kernel_detail::input_gradient<products>(w, dy, to.x, k, depth - k < wide ? depth - k : wide);
    });
  if (to.weights.data != nullptr)
    for_rows(machine, (w.rows + high - 1) / high, high * depth * tokens, [&](index_t first, index_t last) {
      const index_t n = first * high, rows = (last * high < w.rows ? last * high : w.rows) - n;
      kernel_detail::weight_gradient<products>(x, dy, to.weights, n, rows);
    });
  if (to.bias != nullptr)
    for (index_t t = 0; t < tokens; ++t)
      for (index_t n = 0; n < w.rows; ++n) to.bias[n] += dy(t, n);
}

/// The penalty factor / 2 times the sum of the squares of w, in double; adds its gradient, factor w, to `gradient` [row, depth], which
/// may be null. Throws as matmul_backward does.
template <class Machine>
double l2_penalty(const Machine&, const packed_matrix& w, float factor, view<float, 2> gradient) {
  kernel_detail::check_learned(w);
  if (gradient.data != nullptr && (gradient.extent[0] != w.rows || gradient.extent[1] != w.depth))
    throw error("[gradient] of l2_penalty must be [", w.rows, ", ", w.depth, "]. Fix: the shape of the weights, not packed.");
  const index_t pitch = static_cast<index_t>(panel_bytes(w.kind, w.how, w.depth)) / index_t{sizeof(float)};
  double squares = 0;
  for (index_t n = 0; n < w.rows; ++n) {
    const float* row = reinterpret_cast<const float*>(w.data) + n / panel::columns * pitch + n % panel::columns;
    for (index_t k = 0; k < w.depth; ++k) {
      const float weight = row[k * panel::columns];
      squares += static_cast<double>(weight) * static_cast<double>(weight);
      if (gradient.data != nullptr) gradient(n, k) += factor * weight;
    }
  }
  return static_cast<double>(factor) / 2 * squares;
}

TENON_KERNELS_END
