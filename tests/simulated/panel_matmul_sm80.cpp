// Products with weights in panels on sm_80, executed under simulation with every check: every storage, in two orders, copies late and early.
#include <doctest/doctest.h>

#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "panel_matmul.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("weights as they are stored on sm_80") {
  std::mt19937 random(5);
  for (const storage kind : {storage::i8, storage::q8_0, storage::q4_0, storage::q4_1, storage::q4_k, storage::q6_k})
    with_integer_panel(kind, [&](auto format) {
      using leaf = simulated<sm80>::leaf;
      using words = nvidia_panel_matmul<leaf, decltype(format), 1>;
      const int block = block_values(kind);
      INFO(std::string(name(kind)));
      stored_case c(kind, 5, 150, block == 256 ? 256 : block == 32 ? 288 : 83, random);
      const auto want = c.want(true);
      std::vector<float> first;
      for (const auto order : {simulation::schedule::round_robin, simulation::schedule::random}) {
        const simulated<sm80> machine({.schedule = order, .seed = 7, .copies = order == simulation::schedule::random ? simulation::copies::eager : simulation::copies::lazy});
        run_panels<leaf, words>(machine, c);
        CHECK(matmul_cases::relative_l2(c.out, want) < (kind == storage::q4_1 || kind == storage::q4_k ? 2e-5 : 1e-6));  // some minima round the other way
        if (first.empty()) first = c.out;
        CHECK(first == c.out);
        INFO(machine.report().text());
        CHECK(machine.report().clean());
        CHECK(machine.report().bank_conflicts == 0);
      }
    });
}

}  // namespace
