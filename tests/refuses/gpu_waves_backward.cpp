// expect: [features] with_waves have their gradients on processors: a GPU sums no parts back. Fix: cpu{}, or features without waves.
#include <tenon/kernels/launch/gpu/attend_linear_backward.hpp>

#include "gpu_runtime.hpp"

void wrong(const tenon::gpu_machine<some_runtime, some_arch>& machine, const tenon::attention_pass& pass, const tenon::attention_gradients& gradients, const float* operands) {
  tenon::attend_backward(machine, pass, gradients, tenon::causal{}, tenon::scaled{},
                         tenon::linear{.features = tenon::with_waves<tenon::elu_plus_one>{.inner = {}, .cosine = operands, .sine = operands, .terms = 1}});
}
