// expect: [attend] head dims must be multiples of 8 up to 576: kernels work on whole vectors. Fix: pad the heads of the model.
#include <tenon/kernels/launch/attention.hpp>

using namespace tenon;
void run(const cpu& machine, view<const float, 3> q, const cache_view<bf16>& cache, view<float, 3> out, std::byte* scratch) {
  attend<20, 16>(machine, q, cache, out, causal{}, scaled{}, scratch);
}
