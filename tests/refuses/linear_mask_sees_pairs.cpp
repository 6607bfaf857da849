// expect: [mask] linear weights know causal, full, prefix and padding, joined by '&': they never see pairs. Fix: softmax.
#include <tenon/kernels/launch/linear_attention.hpp>

using tenon::view;
void wrong(view<const float, 4> q, view<const float, 4> k, view<const float, 4> v, view<float, 4> out) {
  tenon::attend(tenon::cpu{}, q, k, v, out, tenon::causal{} & tenon::window{.width = 4}, tenon::scaled{}, tenon::linear{.features = tenon::elu_plus_one{}});
}
