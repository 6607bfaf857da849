// expect: [features] on GPUs look at one number at a time, by a member value(x). Fix: elu_plus_one, relu_features, or a processor.
#include <tenon/kernels/launch/gpu/attend_linear.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/kernels/launch/simulated.hpp>

using tenon::view;
void wrong(const tenon::simulated<tenon::sm80>& machine, view<const float, 4> q, view<float, 4> out, const float* directions) {
  tenon::attend(machine, q, q, q, out, tenon::causal{}, tenon::scaled{}, tenon::linear{.features = tenon::random_exponentials{.directions = directions, .size = 64}});
}
