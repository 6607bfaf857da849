// The gradients of linear attention on GPUs, called as on a processor, against the reference in double. Breaks, and other architectures: exhaustive/.
#include "../support/gpu_linear_case.hpp"
#include "device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("gradients of linear attention, with the same bits whatever the order of warps") {
  std::vector<float> first;
  on_simulated_gpus([&](const auto& machine) {
    std::vector<float> bits;
    for (const linear_sizes s : {linear_sizes{1, 2, 1, 37, 150}, {2, 1, 1, 90, 20}}) CHECK(linear_backward_distance<bf16>(machine, s, 64, causal{}, elu_plus_one{}, &bits) <= 7e-3);  // dq is what is left of sums that cancel
    CHECK(machine.report().bank_conflicts == 0);
    if (machine.how().schedule == simulation::schedule::reversed) first = bits;
    CHECK(first == bits);
  });
}

}  // namespace
