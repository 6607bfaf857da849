#pragma once
// Launch functions on simulated GPUs: their machines, in every order.

#include <tenon/kernels/launch/simulated_gpus.hpp>

#include "../support/device_numbers.hpp"
#include "orders.hpp"

// The architectures that a file of tests is run on: another file may include it for others.
#if !defined(TENON_TEST_ARCHS)
#define TENON_TEST_ARCHS tenon::sm80, tenon::gfx942
#endif

namespace tenon::testing {

/// Calls f(machine) on one architecture in each of the orders of orders.hpp; f must leave no fault in the report.
template <class Arch, class F>
void in_every_order(F&& f) {
  for (const order& o : orders) {
    const simulated<Arch> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
    f(machine);
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(machine.report().launches > 0);
  }
}
/// The same on each of these architectures.
template <class F>
void on_simulated_gpus(F&& f) {
  [&]<class... Archs>() { (in_every_order<Archs>(f), ...); }.template operator()<TENON_TEST_ARCHS>();
}

}  // namespace tenon::testing
