#pragma once
// Runs the kernels of attention's gradients on a simulated GPU.

#include <doctest/doctest.h>

#include <cstring>

#include <tenon/kernels/launch/gpu/attend_backward.hpp>
#include <tenon/kernels/launch/simulated.hpp>

#include "../support/gpu_backward_case.hpp"
#include "attention_case.hpp"
#include "machines.hpp"

namespace tenon::testing {

template <class T>
struct named_array : device_array<T> {
  const char* name;
  named_array(std::size_t n, const char* called) : device_array<T>(n), name(called) {}
};
template <class Problem>
using backward_case = gpu_backward_case<Problem, named_array>;


/// Registers the arrays and runs all kernels: as attend_backward does; one by one over a leaf with slips.
template <class Leaf, class Arch, class Problem>
void run_backward(const simulated<Arch>& machine, backward_case<Problem>& c, const attention_backward_arguments<Problem>& a, int less_shared = 0) {
  using keys = typename kernels_of<Arch>::template attention_backward_keys<Leaf, Problem>;
  using rows = typename kernels_of<Arch>::template attention_backward_rows<Leaf, Problem>;
  c.spoil();
  const auto readable = [&](const auto& array) { machine.readable(array.data(), array.bytes(), array.name); };
  const auto writable = [&](auto& array) { machine.writable(array.data(), array.bytes(), array.name); };
  readable(c.q), readable(c.k), readable(c.v), readable(c.d_out), readable(c.out), readable(c.log_sum_exp), readable(c.device_lengths);
  writable(c.facts), writable(c.sink_shares), writable(c.dq), writable(c.dk), writable(c.dv);
  machine.writable(c.d_logits.data(), c.d_logits.bytes(), c.d_logits.name, simulation::content::initialised);
  if (const float* logits = sinks(c.weighting); logits != nullptr) machine.readable(logits, static_cast<std::size_t>(c.of.heads) * sizeof(float), "sink logits");

  if constexpr (std::is_same_v<Leaf, typename simulated<Arch>::leaf>) return attend_backward(machine, a);
  const int heads = c.of.kv_heads, batch = c.of.batch;
  const auto launch = [&](int blocks, int shared_bytes, const auto& body) { machine.launch({blocks, heads, batch}, {body.threads}, static_cast<std::size_t>(shared_bytes), body); };
  if (a.facts != nullptr) launch(c.row_blocks(), 0, attention_backward_rows_body<Leaf, Problem>{a});
  launch(c.template key_blocks<keys>(), keys::shared_bytes - less_shared, attention_backward_on<Leaf, keys>(machine, a));
  launch(c.template query_blocks<rows>(), rows::shared_bytes - less_shared, attention_backward_on<Leaf, rows>(machine, a));
  if constexpr (requires { c.weighting.d_logits; }) machine.launch({c.of.heads}, {128}, 512, attention_backward_sinks_body<Leaf, Problem>{a});
}

/// Within `bound` of the reference (the rounding of operands, weights and results to bf16), without a fault, and with the same bits whatever the
/// order of warps and of copies.
template <class Arch, class Problem>
void check_backward(backward_case<Problem> c, double bound = 4e-3) {
  CAPTURE(c.of.queries);
  CAPTURE(c.of.keys);
  std::vector<typename Problem::gradient> first;
  for (const order& o : orders) {
    const simulated<Arch> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
    run_backward<typename simulated<Arch>::leaf>(machine, c, c.arguments());
    const simulation::report& report = machine.report();
    CAPTURE(report.text());
    CHECK(report.clean());
    CHECK(report.bank_conflicts == 0);
    CHECK(report.unawaited == 0);
    CHECK(c.distance() <= bound);
    const auto bits = c.gradients();
    if (first.empty()) first = bits;
    CHECK(std::memcmp(first.data(), bits.data(), bits.size() * sizeof(bits[0])) == 0);
  }
}

}  // namespace tenon::testing
