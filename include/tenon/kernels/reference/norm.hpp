#pragma once
// RMSNorm in double, as written in the paper: the definition of correct for kernels/launch/norm.hpp.

#include <tenon/core/config.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace reference {

/// x, out: [token, width]; gain: [width].
inline void rms_norm(view<const double, 2> x, const double* gain, double epsilon, view<double, 2> out) {
  for (index_t t = 0; t < x.extent[0]; ++t) {
    double squares = 0;
    for (index_t i = 0; i < x.extent[1]; ++i) squares += x(t, i) * x(t, i);
    const double rms = __builtin_sqrt(squares / static_cast<double>(x.extent[1]) + epsilon);
    for (index_t i = 0; i < x.extent[1]; ++i) out(t, i) = x(t, i) / rms * gain[i];
  }
}

}  // namespace reference
TENON_KERNELS_END
