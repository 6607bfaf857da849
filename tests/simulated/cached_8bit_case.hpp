#pragma once
// Attention over a cache of 8 bits on GPUs, simulated or not, beside the reference on the numbers that a processor's cache holds.

#include "device_case.hpp"

#include <string>
#include <utility>

#include <tenon/kernels/reference/attention.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

#include "../support/cache_8bit.hpp"

namespace tenon::testing {

/// Queries [first, last) of a sequence, each pair of them, over a cache of `Number`.
template <class Number, int Dim, int Query = 6, int Kv = 2, class Machine>
void check_cache_on(const Machine& machine, const std::vector<std::pair<index_t, index_t>>& calls) {
  constexpr heads shape{Query, Kv, Dim, Dim};
  constexpr fixed_split split{.length = 128};
  constexpr index_t tokens = 300;
  const tenon_test::host_cache<Number, Kv, Dim> host(tokens, false), poisoned(9, true);
  auto q = noise(tokens * Query * Dim, 1);
  for (float& x : q) x = static_cast<float>(bf16(x));
  const device_numbers<Machine, std::byte> memory(machine, cache_bytes<Number>(machine, shape, 387)), pool(machine, 4 * page_bytes<Number>(machine, shape, 128)),
      small(machine, cache_bytes<Number>(machine, shape, 9));
  const device_numbers table(machine, std::vector<std::int32_t>{2, 0, 3});
  device_cache<Query, Kv, Dim, Number> cache{.data = memory.data(), .shape = shape, .capacity = 387}, bad{.data = small.data(), .shape = shape, .capacity = 9};
  paged_device_cache<Query, Kv, Dim, Number> paged{.data = pool.data(), .shape = shape, .capacity = 384, .pages = table.data(), .page_keys = 128};
  const auto append_all = [&](auto& to, const auto& of, index_t count) {
    const device_numbers k(machine, of.k), v(machine, of.v);
    const device_numbers places(machine, tenon_test::places_of_halves(count));
    tenon_test::append_in_halves(machine, to, k.data(), v.data(), places.data(), count);
  };
  append_all(cache, host, tokens), append_all(paged, host, tokens), append_all(bad, poisoned, 9);
  await(machine);
  CHECK((tenon_test::same_bytes(cache, cache.keys(), host.keys, tokens) && tenon_test::same_bytes(cache, cache.values(), host.values, tokens)));
  CHECK((tenon_test::same_bytes(bad, bad.keys(), poisoned.keys, 9) && tenon_test::same_bytes(bad, bad.values(), poisoned.values, 9)));
  for (const auto& [first, last] : calls) {
    CAPTURE(last);
    const index_t queries = last - first;
    const auto size = static_cast<std::size_t>(queries * Query * Dim);
    const std::vector<float> part(q.begin() + first * Query * Dim, q.begin() + last * Query * Dim);
    std::vector<double> want(size);
    reference::attend(view<const float, 3>(part.data(), queries, Query, Dim), view<const float, 3>(host.keys.values.data(), last, Kv, Dim),
                      view<const float, 3>(host.values.values.data(), last, Kv, Dim), view<double, 3>(want.data(), queries, Query, Dim), causal{}, scaled{});
    const device_numbers on_q(machine, part);
    const auto attended = [&](auto of, const auto& reduction) {
      of.length = last;
      const device_numbers<Machine, float> out(machine, size);
      const device_numbers<Machine, std::byte> scratch(machine, attention_scratch(machine, shape, queries, of.capacity, reduction));
      attend<Dim, Dim>(machine, view<const float, 3>(on_q.data(), queries, Query, Dim), of, view<float, 3>(out.data(), queries, Query, Dim), causal{}, scaled{}, scratch.data(), softmax{}, reduction);
      await(machine);
      return out.host();
    };
    const std::vector<float> got = attended(cache, split);
    MESSAGE(std::string(Machine::arch::name) << ", " << Dim << ", " << queries << " queries: relative L2 " << apart(got, want));
    CHECK(apart(got, want) < 5e-3);
    CHECK(apart(attended(cache, sequential{}), want) < 5e-3);
    CHECK(attended(paged, split) == got);
  }
}
/// The same on each simulated machine.
template <class Number, int Dim, int Query = 6, int Kv = 2>
void check_cache_of(const std::vector<std::pair<index_t, index_t>>& calls) {
  on_simulated_gpus([&](const auto& machine) { check_cache_on<Number, Dim, Query, Kv>(machine, calls); });
}

}  // namespace tenon::testing
