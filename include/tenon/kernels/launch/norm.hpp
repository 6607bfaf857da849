#pragma once
// Root-mean-square normalisation, alone or with the residual sum before it.
//   out[t, i] = x[t, i] * gain[i] / sqrt(mean_i x[t, i]^2 + epsilon)
// Moves 12 bytes per value (read twice, the second time from cache; written once). Reference: kernels/reference/norm.hpp.

#include <tenon/core/fault.hpp>
#include <tenon/kernels/shared/rows.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {

// The sum of squares of x[0, width), after x += more where there is more to add. 64 partial sums, folded in pairs.
template <class Add>
TENON_INLINE float sum_of_squares(float* x, index_t width, const Add& add) noexcept {
  constexpr int wide = 64;
  float partial[wide] = {}, rest = 0;
  for_strips<wide>(width, [&](index_t i, auto lanes) TENON_LAMBDA {
    float& tail = rest;
    for_lanes<lanes>([&](int l) TENON_LAMBDA {
      const float v = add(x, i + l);
      if constexpr (lanes == 1)
        tail += v * v;
      else
        partial[l] += v * v;
    });
  });
  for (int step = wide / 2; step > 0; step /= 2)
    for (int l = 0; l < step; ++l) partial[l] += partial[l + step];
  return partial[0] + rest;
}

TENON_INLINE void scale_row(const float* x, const float* gain, float factor, float* out, index_t width) noexcept {
  for_values(width, [&](index_t i) TENON_LAMBDA { out[i] = x[i] * factor * gain[i]; });
}

TENON_INLINE float inverse_rms(float squares, index_t width, float epsilon) noexcept {
  return 1.0f / __builtin_sqrtf(squares / static_cast<float>(width) + epsilon);
}

inline void check_rows(const char* what, const index_t (&a)[2], index_t a_step, const index_t (&b)[2], index_t b_step) {
  if (a[0] != b[0] || a[1] != b[1])
    throw error("[", what, "] needs operands of one shape, but they are ", a[0], " x ", a[1], " and ", b[0], " x ", b[1], ". Fix: pass views of equal extents.");
  if (a_step != 1 || b_step != 1) throw error("[", what, "] needs rows of neighbouring values. Fix: pass views whose last stride is 1.");
}

}  // namespace kernel_detail

/// RMSNorm of each row. x and out: [token, width], last stride 1; `out` may be `x`. gain: [width]. epsilon in (0, 0.1].
template <class Machine>
void rms_norm(const Machine& machine, view<const float, 2> x, const float* gain, float epsilon, view<float, 2> out) {
  kernel_detail::check_rows("rms_norm", x.extent, x.stride[1], out.extent, out.stride[1]);
  const index_t width = x.extent[1];
  for_rows(machine, x.extent[0], width, [&](index_t first, index_t last) {
    for (index_t t = first; t < last; ++t) {
      // The sum only reads: the constness is taken off for the sake of one body for both kernels.
      float* row = const_cast<float*>(x.data + t * x.stride[0]);
      const float squares = kernel_detail::sum_of_squares(row, width, [](const float* v, index_t i) TENON_LAMBDA { return v[i]; });
      kernel_detail::scale_row(row, gain, kernel_detail::inverse_rms(squares, width, epsilon), out.data + t * out.stride[0], width);
    }
  });
}

/// The residual sum and the norm after it in one pass: stream += addend; out = RMSNorm(stream).
/// stream, addend, out: [token, width], last stride 1, no two overlapping.
template <class Machine>
void add_rms_norm(const Machine& machine, view<const float, 2> addend, view<float, 2> stream, const float* gain, float epsilon, view<float, 2> out) {
  kernel_detail::check_rows("add_rms_norm", stream.extent, stream.stride[1], out.extent, out.stride[1]);
  kernel_detail::check_rows("add_rms_norm", stream.extent, stream.stride[1], addend.extent, addend.stride[1]);
  const index_t width = stream.extent[1];
  for_rows(machine, stream.extent[0], 2 * width, [&](index_t first, index_t last) {
    for (index_t t = first; t < last; ++t) {
      float* row = stream.data + t * stream.stride[0];
      const float* more = addend.data + t * addend.stride[0];
      const float squares = kernel_detail::sum_of_squares(row, width, [more](float* v, index_t i) TENON_LAMBDA { return v[i] += more[i]; });
      kernel_detail::scale_row(row, gain, kernel_detail::inverse_rms(squares, width, epsilon), out.data + t * out.stride[0], width);
    }
  });
}

TENON_KERNELS_END
