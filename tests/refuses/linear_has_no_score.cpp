// expect: [score] linear weights have no score: features take its place. Fix: scaled{}, or softmax, or features with_waves.
#include <tenon/kernels/launch/linear_attention.hpp>

using tenon::view;
void wrong(view<const float, 4> q, view<const float, 4> k, view<const float, 4> v, view<float, 4> out) {
  tenon::attend(tenon::cpu{}, q, k, v, out, tenon::causal{}, tenon::soft_cap{.cap = 50.0f}, tenon::linear{.features = tenon::elu_plus_one{}});
}
