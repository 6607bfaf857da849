#pragma once
// The product kernel of sm_90a, executed: against products in double, without a fault, and with every break caught. One template over its numbers.

#include <doctest/doctest.h>

#include "breaks.hpp"
#include "machines.hpp"
#include "mutating_sm90a.hpp"
#include "sm90a_case.hpp"

namespace tenon::testing {

template <class Problem>
void check_sm90a_matmul(int tokens, int rows, int depth, bool more, int slack = 0) {
  using leaf = simulated<sm90a>::leaf;
  using words = sm90a_matmul<leaf, problem_number<Problem>>;
  matmul_case<Problem> c(tokens, rows, depth, more, slack);
  for (const order& o : orders) {
    const simulated<sm90a> machine({.schedule = o.schedule, .copies = o.copies});
    c.template launch<words>(machine, matmul_tensor_body<leaf, words, Problem>{with_maps<words>(c.arguments())});
    CAPTURE(tokens);
    CAPTURE(rows);
    CAPTURE(depth);
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(machine.report().bank_conflicts == 0);
    CHECK(c.distance() <= bound_between<problem_number<Problem>, typename Problem::out>);
  }
}

/// c: of more stages of the depth than shared memory holds. waits_last: which wait for products is the last.
template <class Problem>
void check_sm90a_matmul_breaks(matmul_case<Problem>& c, int waits_last) {
  using enum mutation;
  using words = sm90a_matmul<mutating_sm90a, problem_number<Problem>>;
  using call_type = matmul_tensor_arguments<Problem>;
  const auto run = [&](slip wrong, int less_shared, auto&& change) {
    return caught_by<sm90a>(wrong, [&](const auto& machine) {
      call_type call = with_maps<words>(c.arguments());
      change(call);
      c.template launch<words>(machine, matmul_tensor_body<mutating_sm90a, words, Problem>{call}, words::shared_bytes - less_shared);
      return c.distance();
    });
  };
  const auto same = [](auto&) {};
  REQUIRE(run({}, 0, same).empty());
  const break_row slips[] = {
      {"the barrier left out", {drop_barrier, 0}},
      {"the 1st wait for a phase left out", {drop_phase_wait, 0}},
      {"the 6th wait for a phase left out", {drop_phase_wait, 5}},
      {"the 5th wait for the wrong phase", {wrong_phase, 4}},
      {"the 1st arrival left out", {drop_arrival, 0}},
      {"barriers for one arrival more", {wrong_count}},
      {"barriers not published", {drop_publish}},
      {"the 2nd box left out", {drop_box, 1}},
      {"boxes 1024 bytes further", {box_elsewhere}},
      {"boxes from the next row", {box_next}},
      {"fewer bytes announced", {fewer_bytes}},
      {"the 3rd product left out", {drop_product, 2}},
      {"the 1st fence of products left out", {drop_product_fence, 0}},
      {"the 2nd group of products not closed", {drop_product_commit, 1}},
      {"the 1st wait for products left out", {drop_product_wait, 0}},
      {"the last wait for products left out", {drop_product_wait, waits_last}},
      {"x taken 16 bytes further", {shift_left}},
      {"w taken 16 bytes further", {shift_right}},
      {"the wrong stride between patterns", {wrong_stride}},
      {"registers kept", {keep_registers}},
      {"the shuffle of 1 left out", {skip_shuffle, 1}},
      {"results stored one access further", {store_elsewhere}},
  };
  require_caught(slips, [&](const break_row& row) { return run(row.wrong, 0, same); });
  const struct {
    const char* says;
    int less_shared;
    void (*change)(call_type&);
  } changes[] = {
      {"8 bytes of shared memory too few", 8, [](call_type&) {}},
      {"a stage too few", 0, [](call_type& a) { a.call.depth -= words::depth; }},
      {"a token too many", 0, [](call_type& a) { ++a.call.tokens; }},
      {"x and w exchanged", 0, [](call_type& a) { std::swap(a.x, a.w); }},
  };
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace tenon::testing
