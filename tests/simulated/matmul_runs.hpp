#pragma once
// What the product kernel of every architecture must do: agree with products in double, without a fault, and with every break caught. One template
// over the machine.

#include <doctest/doctest.h>

#include <span>

#include "breaks.hpp"
#include "machines.hpp"
#include "matmul_case.hpp"

namespace tenon::testing {

template <class Arch, class Problem>
void check_matmul(int tokens, int rows, int depth, bool more, int slack = 0) {
  using kernels = kernels_of<Arch>;
  using leaf = typename kernels::leaf;
  matmul_case<Problem> c(tokens, rows, depth, more, slack);
  c.read_at_once = kernels::read_at_once;
  for (const order& o : orders) {
    const simulated<Arch> machine({.schedule = o.schedule, .copies = o.copies});
    c.template run<leaf, typename kernels::template matmul<leaf, Problem>>(machine, c.arguments());
    CAPTURE(Arch::name);
    CAPTURE(tokens);
    CAPTURE(rows);
    CAPTURE(depth);
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(machine.report().bank_conflicts == 0);
    CHECK(c.distance() <= (sizeof(typename Problem::out) == 4 ? 1e-5 : 5e-3));
  }
}

template <class Arch>
void check_ragged_matmul() {
  check_matmul<Arch, to_float>(1, 8, 8, false);
  check_matmul<Arch, to_float>(3, 9, 1, false);
  check_matmul<Arch, to_float>(33, 40, 71, true, 3);
  check_matmul<Arch, to_bf16>(129, 131, 200, true);
  check_matmul<Arch, to_bf16>(5, 260, 64, false, 5);
}

/// The numbers that Arch multiplies beside bf16, the depth of each ragged: half an operand, more than one stage.
template <class Arch, class... Numbers>
void check_matmul_of_numbers() {
  (check_matmul<Arch, product_of<Numbers, float>>(33, 40, 71, true, 3), ...);
  (check_matmul<Arch, product_of<Numbers, bf16>>(70, 131, 299, true), ...);
}

/// `own`: breaks that only this architecture can have.
template <class Arch>
void check_matmul_breaks(std::span<const break_row> own) {
  using kernels = kernels_of<Arch>;
  using leaf = typename kernels::broken;
  using words = typename kernels::template matmul<leaf, to_float>;
  using arguments = matmul_arguments<to_float>;
  using enum mutation;
  matmul_case<to_float> c(40, 70, 204, true);
  c.read_at_once = kernels::read_at_once;
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"a barrier left out by one warp", {drop_barrier_once, 1}},
      {"the left operand's registers exchanged", {swap_left}},
      {"the right operand's registers exchanged", {swap_right}},
      {"sums begun anew in a late product", {first_for_all, 40}},
      {"sums exchanged in a late product", {swap_sums, 40}},
      {"results stored one access further", {store_elsewhere}},
      {"a warp's number taken per lane", {own_uniform}},
  };
  const change_row<arguments> changes[] = {
      {"half of shared memory", words::shared_bytes / 2, [](arguments&) {}},
      {"a depth of one less", 0, [](arguments& a) { --a.depth; }},
      {"a token too many", 0, [](arguments& a) { ++a.tokens; }},
      {"no bias", 0, [](arguments& a) { a.bias = nullptr; }},
  };
  require_breaks_caught<Arch, leaf, words>(c, [&] { return c.distance(); }, changes, slips, own);
}

}  // namespace tenon::testing
