// Linear attention on GPUs over random exponentials, features that look at whole rows, as on a processor: prompts, sequences continued from a state, and
// gradients, against the reference in double. In waves, and more: exhaustive/linear_rows_edges.cpp.
#include "../support/gpu_linear_case.hpp"
#include "device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("fewer features than a head has numbers, and more: prompts, from a state, gradients with the same bits whatever the order of warps") {
  const std::vector<float> directions = random_directions();
  std::vector<float> first;
  on_simulated_gpus([&](const auto& machine) {
    const random_exponentials few{.directions = directions.data(), .size = 40}, many{.directions = directions.data(), .size = 150};
    check_linear<bf16, float>(machine, {1, 4, 2, 20, 100}, 64, causal{}, many);
    check_linear<float, bf16>(machine, {2, 1, 1, 70, 40}, 64, causal{}, few);
    check_recurrent<bf16>(machine, 5, 1, 64, {66, 1, 2, 1}, many);
    std::vector<float> bits;
    CHECK(linear_backward_distance<bf16>(machine, {1, 2, 1, 37, 90}, 64, causal{}, many, &bits) <= 7e-3);
    CHECK(machine.report().bank_conflicts == 0);
    if (machine.how().schedule == simulation::schedule::reversed) first = bits;
    CHECK(first == bits);
  });
}

}  // namespace
