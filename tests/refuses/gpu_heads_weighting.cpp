// expect: [weighting] of attend_heads must be softmax, sink or sigmoid on a GPU. Fix: one of these, or attend.
#include <tenon/kernels/launch/gpu/attend_heads.hpp>
#include <tenon/policies/linear.hpp>
#include <tenon/policies/mask.hpp>

#include "gpu_runtime.hpp"

void wrong(const tenon::gpu_machine<some_runtime, some_arch>& machine, tenon::view<const float, 3> q, tenon::view<float, 3> out, const tenon::head_choice& choice) {
  const tenon::device_cache<4, 2, 64> cache;
  tenon::attend_heads<64, 64>(machine, q, cache, out, choice, tenon::causal{}, tenon::scaled{}, nullptr, nullptr, tenon::linear{.features = tenon::elu_plus_one{}});
}
