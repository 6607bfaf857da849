// Linear attention on GPUs over random exponentials, features that look at whole rows, as on a processor: prompts and sequences continued from a state,
// against the reference in double. Gradients, in waves, and more: exhaustive/linear_rows_edges.cpp; gradients as PTX too, gpu/ptx_linear_attention.cpp.
#include "../support/gpu_linear_case.hpp"
#include "device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("fewer features than a head has numbers, and more: prompts, and from a state") {
  on_simulated_gpus([](const auto& machine) {
    const device_numbers directions(machine, random_directions());
    const random_exponentials few{.directions = directions.data(), .size = 40}, many{.directions = directions.data(), .size = 150};
    check_linear<bf16, bf16>(machine, {1, 4, 2, 20, 80}, 64, causal{}, many);
    check_linear<bf16, bf16>(machine, {2, 1, 1, 70, 40}, 64, causal{}, few);
    check_recurrent<bf16>(machine, 5, 1, 64, {66, 1, 2, 1}, many);
    CHECK(machine.report().bank_conflicts == 0);
  });
}

}  // namespace
