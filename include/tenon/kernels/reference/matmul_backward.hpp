#pragma once
// The gradients of a product in double: the definition of correct for kernels/launch/matmul_backward.hpp.

#include <tenon/core/view.hpp>

namespace tenon::reference {

/// Adds to dx [token, depth], dw [row, depth] and dbias [row] what dy [token, row] gives, of y = x w^T + bias.
template <class T>
void matmul_backward(view<const T, 2> x, view<const T, 2> w, view<const T, 2> dy, view<double, 2> dx, view<double, 2> dw, double* dbias) {
  for (index_t t = 0; t < x.extent[0]; ++t)
    for (index_t n = 0; n < w.extent[0]; ++n) {
      const double by = static_cast<double>(dy(t, n));
      dbias[n] += by;
      for (index_t k = 0; k < w.extent[1]; ++k) {
        dx(t, k) += by * static_cast<double>(w(n, k));
        dw(n, k) += by * static_cast<double>(x(t, k));
      }
    }
}

}  // namespace tenon::reference
