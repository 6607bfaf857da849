// expect: [features] on GPUs look at one number, by value(x), or are random_exponentials. Fix: one of ours, or a processor.
#include <tenon/kernels/launch/gpu/attend_linear.hpp>

#include "gpu_runtime.hpp"

struct neighbours {  // each feature looks at two numbers
  TENON_BOTH constexpr int count(int dim) const { return dim - 1; }
  template <class T>
  TENON_BOTH constexpr void map(const T* x, int dim, tenon::position, tenon::side, T* to) const {
    for (int d = 0; d < dim - 1; ++d) to[d] = tenon::exp(x[d] - x[d + 1]);
  }
};

using tenon::view;
void wrong(const tenon::gpu_machine<some_runtime, some_arch>& machine, view<const float, 4> q, view<float, 4> out) {
  tenon::attend(machine, q, q, q, out, tenon::causal{}, tenon::scaled{}, tenon::linear{.features = neighbours{}});
}
