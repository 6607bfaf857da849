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

}  // namespace tenon::testing
