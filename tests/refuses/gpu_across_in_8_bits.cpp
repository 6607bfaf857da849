// expect: [precision.cache] of attention across segments must be bf16 on a GPU: it reads no scales there. Fix: precision_policy<bf16>.
#include <tenon/kernels/launch/simulated_gpus.hpp>

void attend(const tenon::simulated<tenon::sm80>& machine, tenon::view<const float, 3> q, tenon::view<const float, 3> k, tenon::view<float, 3> out) {
  tenon::device_cache<4, 2, 64, tenon::int8_per_128> cache;
  tenon::attend_across(machine, q, k, k, cache, out, 4, tenon::causal{}, tenon::scaled{}, {}, nullptr);
}
