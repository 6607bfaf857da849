#pragma once
// The gradients of y = x w^T + bias, for training.
//   dx[t, k] += sum_n dy[t, n] w[n, k],  dw[n, k] += sum_t dy[t, n] x[t, k],  dbias[n] += sum_t dy[t, n]
// Weights are read as `pack` left them, so that training and inference share one copy; they are those of f32 computed as fp32.
// Sums are fp32, in an order that depends on the shapes alone. Reference: kernels/reference/matmul_backward.hpp.

#include <tenon/core/fault.hpp>
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

// Wide values of x[t, k..]: lane c sums row c of every panel, the lanes are added at the end.
template <int Wide>
TENON_INLINE void input_gradient(const packed_matrix& w, const float* dy, index_t k, float* dx) {
  constexpr int lanes = panel::columns;
  float sum[Wide][lanes] = {};
  const index_t pitch = static_cast<index_t>(panel_bytes(w.kind, w.how, w.depth)) / index_t{sizeof(float)};
  const float* weights = reinterpret_cast<const float*>(w.data) + k * lanes;
  for (index_t n = 0; n < w.rows; n += lanes, weights += pitch) {
    float own[lanes] = {};
    const index_t live = w.rows - n < lanes ? w.rows - n : lanes;
    __builtin_memcpy(own, dy + n, static_cast<std::size_t>(live) * sizeof(float));
    for (int i = 0; i < Wide; ++i) for_lanes<lanes>([&](int c) TENON_LAMBDA { sum[i][c] += own[c] * weights[i * lanes + c]; });
  }
  for (int i = 0; i < Wide; ++i) {
    for (int step = lanes / 2; step > 0; step /= 2)
      for (int c = 0; c < step; ++c) sum[i][c] += sum[i][c + step];
    dx[k + i] += sum[i][0];
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
  const index_t tokens = x.extent[0], depth = w.depth;
  constexpr int wide = 8;
  if (to.x.data != nullptr)
    for_rows(machine, (depth + wide - 1) / wide, wide * w.rows * tokens, [&](index_t first, index_t last) {
      for (index_t t = 0; t < tokens; ++t)
        for (index_t k = first * wide; k < last * wide && k < depth; k += wide) {
          const float* own = dy.data + t * dy.stride[0];
          float* row = to.x.data + t * to.x.stride[0];
          if (k + wide <= depth)
            kernel_detail::input_gradient<wide>(w, own, k, row);
          else
            for (index_t i = k; i < depth; ++i) kernel_detail::input_gradient<1>(w, own, i, row);
        }
    });
  if (to.weights.data != nullptr)
    for_rows(machine, w.rows, depth * tokens, [&](index_t first, index_t last) {
      for (index_t n = first; n < last; ++n) {
        float* row = to.weights.data + n * to.weights.stride[0];
        for_strips<32>(depth, [&](index_t k, auto lanes) TENON_LAMBDA {
          float sum[lanes] = {};
          for (index_t t = 0; t < tokens; ++t) {
            const float by = dy(t, n);
            const float* from = x.data + t * x.stride[0] + k;
            for_lanes<lanes>([&](int l) TENON_LAMBDA { sum[l] += by * from[l]; });
          }
          for_lanes<lanes>([&](int l) TENON_LAMBDA { row[k + l] += sum[l]; });
        });
      }
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
