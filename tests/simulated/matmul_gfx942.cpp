// The product kernel of gfx942, executed: against products in double, without a fault, and with every break caught.
#include <doctest/doctest.h>

#include <tenon/kernels/launch/amd/matmul.hpp>

#include "breaks.hpp"
#include "matmul_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

template <class Problem>
void check(int tokens, int rows, int depth, bool more, int slack = 0) {
  using leaf = simulated<gfx942>::leaf;
  matmul_case<Problem> c(tokens, rows, depth, more, slack);
  c.pad = 8;
  for (const auto order : {simulation::schedule::reversed, simulation::schedule::random}) {
    const simulated<gfx942> machine({.schedule = order});
    c.template run<leaf, amd_matmul<leaf>>(machine, c.arguments());
    CAPTURE(tokens);
    CAPTURE(rows);
    CAPTURE(depth);
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(machine.report().bank_conflicts == 0);
    CHECK(c.distance() <= (sizeof(typename Problem::out) == 4 ? 1e-5 : 5e-3));
  }
}

TEST_CASE("products, ragged in every direction") {
  check<to_float>(1, 8, 1, false);
  check<to_float>(33, 40, 71, true, 3);
  check<to_bf16>(129, 131, 200, true);
}

TEST_CASE("every break of the product kernel shows") {
  matmul_case<to_float> c(40, 70, 200, true);
  using words = amd_matmul<mutating_amd<gfx942>>;
  const auto run = [&](slip wrong) {
    return caught_by<gfx942>(wrong, [&](const auto& machine) {
      c.run<mutating_amd<gfx942>, words>(machine, c.arguments());
      return c.distance();
    });
  };
  REQUIRE(run({}).empty());
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"a barrier left out by one wave", {drop_barrier_once, 1}},
      {"the right operand's registers exchanged", {swap_right}},
      {"results stored one access further", {store_elsewhere}},
      {"operands loaded from elsewhere in shared memory", {load_shared_elsewhere}},
  };
  require_caught(slips, [&](const break_row& row) { return run(row.wrong); });
}

}  // namespace
