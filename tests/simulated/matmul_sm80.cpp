// The product kernel of sm_80, executed: against products in double, without a fault, and with every break caught.
#include <doctest/doctest.h>

#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "breaks.hpp"
#include "matmul_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

template <class Problem>
void check(int tokens, int rows, int depth, bool more, int slack = 0) {
  using leaf = simulated<sm80>::leaf;
  matmul_case<Problem> c(tokens, rows, depth, more, slack);
  for (const auto landing : {simulation::copies::lazy, simulation::copies::eager}) {
    const bool lazy = landing == simulation::copies::lazy;
    const simulated<sm80> machine({.schedule = lazy ? simulation::schedule::reversed : simulation::schedule::random, .copies = landing});
    c.template run<leaf, nvidia_matmul<leaf>>(machine, c.arguments());
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
  check<to_float>(1, 8, 8, false);
  check<to_float>(33, 40, 70, true, 3);
  check<to_bf16>(129, 131, 200, true);
  check<to_bf16>(5, 260, 64, false, 5);
}

TEST_CASE("every break of the product kernel shows") {
  matmul_case<to_float> c(40, 70, 204, true);
  using words = nvidia_matmul<mutating_sm80>;
  const auto run = [&](slip wrong, int less_shared, auto&& change) {
    return caught_by<sm80>(wrong, [&](const auto& machine) {
      auto a = c.arguments();
      change(a);
      c.run<mutating_sm80, words>(machine, a, words::shared_bytes - less_shared);
      return c.distance();
    });
  };
  const auto same = [](auto&) {};
  REQUIRE(run({}, 0, same).empty());
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"the 1st wait left out", {drop_wait, 0}},
      {"the 3rd wait left out", {drop_wait, 2}},
      {"waits that leave one group more", {wait_early}},
      {"the 2nd commit left out", {drop_commit, 1}},
      {"the 1st copy left out", {drop_copy, 0}},
      {"zeros past the depth left out", {no_zero_fill}},
      {"the right operand's registers exchanged", {swap_right}},
      {"sums begun anew in the 41st product", {first_for_all, 40}},
      {"the registers of matrix loads exchanged", {swap_loaded}},
      {"no swizzle", {no_swizzle}},
      {"the synchronisation between a warp's stores and loads left out", {drop_sync_warp, 0}},
      {"results stored elsewhere in shared memory", {store_shared_elsewhere}},
  };
  require_caught(slips, [&](const break_row& row) { return run(row.wrong, 0, same); });
  using arguments = matmul_arguments<to_float>;
  const struct {
    const char* says;
    int less_shared;
    void (*change)(arguments&);
  } changes[] = {
      {"half of shared memory", words::shared_bytes / 2, [](arguments&) {}},
      {"a depth of one less", 0, [](arguments& a) { --a.depth; }},
      {"a token too many", 0, [](arguments& a) { ++a.tokens; }},
      {"no bias", 0, [](arguments& a) { a.bias = nullptr; }},
  };
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace
