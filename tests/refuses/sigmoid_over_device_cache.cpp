// expect: [weighting] of attend over a cache on a GPU must be softmax or sink: its parts are merged by their sums. Fix: attend over views.
#include <tenon/kernels/launch/gpu/attend.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/kernels/launch/simulated.hpp>

void run(const tenon::simulated<tenon::sm80>& machine, const tenon::device_cache<4, 2, 64>& cache, std::byte* scratch) {
  tenon::attend<64, 64>(machine, tenon::view<const float, 3>{}, cache, tenon::view<float, 3>{}, tenon::causal{}, tenon::scaled{}, scratch, tenon::sigmoid{.bias = -2});
}
