#pragma once
// What the product kernel of every architecture must do: agree with products in double, without a fault, and with every break caught. One template
// over the machine.

#include <doctest/doctest.h>

#include <tenon/policies/gate.hpp>

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

/// Results of 8 bits of products of Number, with a bias and onto what is there, or opened by a gate.
template <class Number, class Out = Number>
using opened_by_gate = gated_product<Number, Out, swiglu>;
template <class Arch, class Number>
void check_quantising_matmul() {
  check_matmul<Arch, product_of<Number, Number>>(1, 8, 8, false);
  check_matmul<Arch, product_of<Number, Number>>(70, 131, 299, true);
  check_matmul<Arch, opened_by_gate<Number>>(70, 131, 299, true);
  check_matmul<Arch, opened_by_gate<Number, float>>(33, 300, 71, true);
}

/// Breaks of products whose operands come through the threads of the block, and of those whose operands the copy engine brings.
inline constexpr break_row slips_of_products[] = {
    {"the 1st barrier left out", {mutation::drop_barrier, 0}},
    {"the 2nd barrier left out", {mutation::drop_barrier, 1}},
    {"a barrier left out by one warp", {mutation::drop_barrier_once, 1}},
    {"the left operand's registers exchanged", {mutation::swap_left}},
    {"the right operand's registers exchanged", {mutation::swap_right}},
    {"sums begun anew in a late product", {mutation::first_for_all, 40}},
    {"sums exchanged in a late product", {mutation::swap_sums, 40}},
    {"results stored one access further", {mutation::store_elsewhere}},
    {"a warp's number taken per lane", {mutation::own_uniform}},
};
inline constexpr break_row slips_of_boxes[] = {
    {"the barrier left out", {mutation::drop_barrier, 0}},
    {"the 1st wait for a phase left out", {mutation::drop_phase_wait, 0}},
    {"the 6th wait for a phase left out", {mutation::drop_phase_wait, 5}},
    {"the 5th wait for the wrong phase", {mutation::wrong_phase, 4}},
    {"the 1st arrival left out", {mutation::drop_arrival, 0}},
    {"barriers for one arrival more", {mutation::wrong_count}},
    {"barriers not published", {mutation::drop_publish}},
    {"the 2nd box left out", {mutation::drop_box, 1}},
    {"boxes 1024 bytes further", {mutation::box_elsewhere}},
    {"boxes from the next row", {mutation::box_next}},
    {"fewer bytes announced", {mutation::fewer_bytes}},
    {"the 3rd product left out", {mutation::drop_product, 2}},
    {"the 1st fence of products left out", {mutation::drop_product_fence, 0}},
    {"the 2nd group of products not closed", {mutation::drop_product_commit, 1}},
    {"the 1st wait for products left out", {mutation::drop_product_wait, 0}},
    {"x taken 16 bytes further", {mutation::shift_left}},
    {"w taken 16 bytes further", {mutation::shift_right}},
    {"the wrong stride between patterns", {mutation::wrong_stride}},
    {"registers kept", {mutation::keep_registers}},
    {"the shuffle of 1 left out", {mutation::skip_shuffle, 1}},
    {"results stored one access further", {mutation::store_elsewhere}},
};

/// Breaks of what makes results of 8 bits, through shared memory.
inline constexpr break_row slips_of_quantising[] = {
    {"the shuffles left out", {mutation::skip_packed_shuffle}},
    {"results stored one access further", {mutation::store_elsewhere}},
    {"stores elsewhere in shared memory", {mutation::store_shared_elsewhere}},
    {"loads from elsewhere in shared memory", {mutation::load_shared_elsewhere}},
};

/// c: a product that is not small. slips: every break of it.
template <class Arch, class Problem>
void check_matmul_breaks(matmul_case<Problem>& c, const auto&... slips) {
  using kernels = kernels_of<Arch>;
  using leaf = typename kernels::broken;
  using words = typename kernels::template matmul<leaf, Problem>;
  using arguments = matmul_arguments<Problem>;
  c.read_at_once = kernels::read_at_once;
  const change_row<arguments> changes[] = {
      {"half of shared memory", words::shared_bytes / 2, [](arguments&) {}},
      {"a depth of one less", 0, [](arguments& a) { --a.depth; }},
      {"a token too many", 0, [](arguments& a) { ++a.tokens; }},
      {"no bias, or a gate with the scales of what it opens", 0, [](arguments& a) { a.bias = nullptr, a.w_scale = a.opened_scale; }},
  };
  require_breaks_caught<Arch, leaf, words>(c, [&] { return c.distance(); }, changes, slips...);
}
/// Of bf16; own: breaks that only this architecture can have.
template <class Arch>
void check_matmul_breaks(const auto&... own) {
  matmul_case<to_float> c(40, 70, 204, true);
  check_matmul_breaks<Arch>(c, slips_of_products, own...);
}

}  // namespace tenon::testing
