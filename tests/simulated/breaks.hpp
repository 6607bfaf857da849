#pragma once
// Runs a kernel with one thing broken, lazily and eagerly, and says what showed it.

#include <doctest/doctest.h>

#include <string>

#include "mutating_leaf.hpp"

namespace tenon::testing {

/// Names of what caught a break, commas between; empty: nothing. launch(machine) runs the kernel and returns its distance from the right
/// result.
template <class Arch, class Launch>
std::string caught_by(slip wrong, Launch&& launch) {
  std::string by;
  for (const auto landing : {simulation::copies::lazy, simulation::copies::eager}) {
    const simulated<Arch> machine({.copies = landing});
    now = wrong;
    ++break_number;
    const double distance = launch(machine);
    now = {};
    const auto add = [&](const std::string& what) { by += by.empty() ? what : by.find(what) == by.npos ? ", " + what : ""; };
    for (const simulation::fault& f : machine.report().faults) add(name(f.kind));
    if (machine.report().bank_conflicts != 0) add("bank conflicts");
    if (!(distance <= 5e-3)) add("result");
  }
  return by;
}

/// One row of a table of breaks.
struct break_row {
  const char* says;
  slip wrong;
};

/// What breaks every kernel of attention, and its gradients'.
inline constexpr break_row slips_anywhere[] = {
    {"the 1st barrier left out", {mutation::drop_barrier, 0}},
    {"the 2nd barrier left out", {mutation::drop_barrier, 1}},
    {"the 3rd barrier left out", {mutation::drop_barrier, 2}},
    {"a barrier left out by one warp", {mutation::drop_barrier_once, 1}},
    {"a barrier too many in one warp", {mutation::extra_barrier, 2}},
    {"the left operand's registers exchanged", {mutation::swap_left}},
    {"the right operand's registers exchanged", {mutation::swap_right}},
    {"a shuffle that one lane does not reach", {mutation::one_lane_leaves}},
    {"weights packed the wrong way round", {mutation::swap_packed}},
    {"e^x for 2^x", {mutation::wrong_exponent}},
    {"results stored one access further", {mutation::store_elsewhere}},
    {"stores elsewhere in shared memory", {mutation::store_shared_elsewhere}},
    {"loads from elsewhere in shared memory", {mutation::load_shared_elsewhere}},
    {"a warp's number taken per lane", {mutation::own_uniform}},
};
/// And where rows are copied beside the threads, for ldmatrix.
inline constexpr break_row slips_of_copies[] = {
    {"the 1st wait left out", {mutation::drop_wait, 0}},
    {"the 2nd wait left out", {mutation::drop_wait, 1}},
    {"the 3rd wait left out", {mutation::drop_wait, 2}},
    {"waits that leave one group more", {mutation::wait_early}},
    {"the 1st commit left out", {mutation::drop_commit, 0}},
    {"the 1st copy left out", {mutation::drop_copy, 0}},
    {"copies to the neighbouring chunk", {mutation::copy_elsewhere}},
    {"copies from one number further", {mutation::copy_shifted}},
    {"copies from the next row", {mutation::copy_next_row}},
    {"the registers of matrix loads exchanged", {mutation::swap_loaded}},
    {"transposed loads for straight ones", {mutation::transpose_loaded}},
    {"the wrong swizzle in loads", {mutation::wrong_swizzle}},
    {"no swizzle", {mutation::no_swizzle}},
    {"the shuffle of 2 left out", {mutation::skip_shuffle, 2}},
    {"the synchronisation between a warp's stores and loads left out", {mutation::drop_sync_warp, 1}},
};

/// Requires that each row is caught, and prints by what.
template <class Run>
void require_caught(const auto& rows, Run&& run) {
  for (const auto& row : rows) {
    const std::string by = run(row);
    CAPTURE(row.says);
    CHECK(!by.empty());
    MESSAGE(std::string(row.says) << ": " << by);
  }
}

/// A break in what a kernel is given.
template <class Arguments>
struct change_row {
  const char* says;
  int less_shared;
  void (*change)(Arguments&);
};

/// Requires that the kernel of `c` over Words, on Arch, is right, and that every break of it is caught. distance(): of its result.
template <class Arch, class Leaf, class Words>
void require_breaks_caught(auto& c, auto&& distance, const auto& changes, const auto&... slips) {
  const auto run = [&](slip wrong, int less_shared, auto&& change) {
    return caught_by<Arch>(wrong, [&](const auto& machine) {
      auto a = c.arguments();
      change(a);
      c.template run<Leaf, Words>(machine, a, Words::shared_bytes - less_shared);
      return distance();
    });
  };
  const auto same = [](auto&) {};
  REQUIRE(run({}, 0, same).empty());
  const auto slipped = [&](const break_row& row) { return run(row.wrong, 0, same); };
  (require_caught(slips, slipped), ...);
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace tenon::testing
