// expect: [cache] of attend_heads lies in pages: on a GPU it is read as one piece. Fix: a device_cache.
#include <tenon/kernels/launch/simulated_gpus.hpp>
#include <tenon/kernels/launch/gpu/attend_heads.hpp>

void attend(const tenon::simulated<tenon::sm80>& machine, tenon::view<const float, 3> q, tenon::view<float, 3> out, const tenon::head_choice& choice) {
  tenon::paged_device_cache<4, 2, 64> cache;
  tenon::attend_heads<64, 64>(machine, q, cache, out, choice, tenon::causal{}, tenon::scaled{}, nullptr, nullptr);
}
