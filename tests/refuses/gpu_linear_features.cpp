// expect: [features] on GPUs look at one number at a time, by a member value(x). Fix: elu_plus_one, relu_features, or a processor.
#include <tenon/kernels/launch/gpu/attend_linear.hpp>

#include "gpu_runtime.hpp"

using tenon::view;
void wrong(const tenon::gpu_machine<some_runtime, some_arch>& machine, view<const float, 4> q, view<float, 4> out, const float* directions) {
  tenon::attend(machine, q, q, q, out, tenon::causal{}, tenon::scaled{}, tenon::linear{.features = tenon::random_exponentials{.directions = directions, .size = 64}});
}
