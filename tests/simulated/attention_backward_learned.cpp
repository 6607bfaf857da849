// What scores learn on GPUs: by distance, by key and by query in one chain. More, and other architectures: exhaustive/attention_backward_learned.cpp.
#include "../support/gpu_learned_case.hpp"
#include "device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("waves by distance, a bias by key and a task by query, learned under sigmoid") {
  const backward_problem p = rounded_problem({2, 1, 64, 64}, 20, 150, 8);
  learned_chain<host_array> chain(2, 20, 150);
  check_learned(p, chain.operands(), causal{} & window{.width = 100}, chain.score(), sigmoid{.bias = -4.0f}, [](const auto& f) { on_simulated_gpus(f); },
                [](const auto& machine) { return machine.how().schedule == simulation::schedule::reversed; });
}

}  // namespace
