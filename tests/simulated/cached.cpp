// Attention over a cache as models call it on a GPU, executed on both architectures: against the reference in double, and bit for bit where
// the order of summation promises it: whatever the company of a query, the room in the cache and the size of the grid.
#include "device_case.hpp"

#include <tenon/kernels/reference/attention.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

constexpr int query_heads = 6, kv_heads = 2, dim = 64;
constexpr heads shape{query_heads, kv_heads, dim, dim};

std::vector<float> rounded(std::vector<float> x) {
  for (float& v : x) v = static_cast<float>(bf16(v));
  return x;
}

// Tokens of a sequence whose keys and values are in a cache of a machine.
template <class Machine>
struct conversation {
  const Machine& machine;
  index_t length;
  std::vector<float> q, k, v;
  device_numbers<Machine, std::byte> memory;
  device_numbers<Machine, std::int32_t> place;
  device_cache<query_heads, kv_heads, dim> cache;

  conversation(const Machine& on, index_t tokens, index_t capacity)
      : machine(on), length(tokens), q(rounded(noise(tokens * query_heads * dim, 1))), k(rounded(noise(tokens * kv_heads * dim, 2))), v(rounded(noise(tokens * kv_heads * dim, 3))),
        memory(on, cache_bytes<bf16>(on, shape, capacity)), place(on, std::vector<std::int32_t>{0, 0}), cache{.data = memory.data(), .shape = shape, .capacity = capacity} {
    stand_at(0, tokens);
    const device_numbers on_k(on, k), on_v(on, v);
    append(on, cache, view<const float, 3>(on_k.data(), tokens, kv_heads, dim), view<const float, 3>(on_v.data(), tokens, kv_heads, dim), {0, place.data()});
  }
  void stand_at(index_t first, index_t last) {
    const std::int32_t at[] = {static_cast<std::int32_t>(first), static_cast<std::int32_t>(last)};
    machine.copy(place.data(), at, sizeof at);
    cache.length = last, cache.length_at = place.data() + 1;
  }
  /// Rows of queries [first, last), which see the keys before `last`.
  template <class Mask, class Score, class Reduction, class Weighting = softmax>
  std::vector<float> attend_to(index_t first, index_t last, const Mask& mask, const Score& score, const Reduction& reduction, const Weighting& weighting = {}) {
    stand_at(first, last);
    const index_t queries = last - first;
    const std::vector<float> part(q.begin() + first * query_heads * dim, q.begin() + last * query_heads * dim);
    const device_numbers on_q(machine, part);
    const device_numbers<Machine, float> out(machine, part.size());
    const device_numbers<Machine, std::byte> scratch(machine, attention_scratch(machine, shape, queries, cache.capacity, reduction));
    attend<dim, dim>(machine, view<const float, 3>(on_q.data(), queries, query_heads, dim), cache, view<float, 3>(out.data(), queries, query_heads, dim), mask, score, scratch.data(), weighting,
                     reduction);
    return out.host();
  }
  template <class Mask, class Score, class Weighting = softmax>
  std::vector<double> reference_of(index_t first, index_t last, const Mask& mask, const Score& score, const Weighting& weighting = {}) const {
    std::vector<double> want(static_cast<std::size_t>((last - first) * query_heads * dim));
    reference::attend(view<const float, 3>(q.data() + first * query_heads * dim, last - first, query_heads, dim), view<const float, 3>(k.data(), last, kv_heads, dim),
                      view<const float, 3>(v.data(), last, kv_heads, dim), view<double, 3>(want.data(), last - first, query_heads, dim), mask, score, weighting);
    return want;
  }
};

constexpr auto near_keys = causal{} & window{.width = 70};
constexpr double bound = 3e-3;  // weights are rounded to bf16

TEST_CASE("one query, a few, many; one split of the keys and several") {
  on_simulated_gpus([](const auto& machine) {
    conversation talk(machine, 300, 513);
    for (const auto& [first, last] : {std::pair<index_t, index_t>{0, 1}, {299, 300}, {126, 130}, {1, 150}}) {
      CAPTURE(last);
      const auto want = talk.reference_of(first, last, causal{}, scaled{});
      CHECK(apart(talk.attend_to(first, last, causal{}, scaled{}, fixed_split{.length = 128}), want) < bound);
      CHECK(apart(talk.attend_to(first, last, causal{}, scaled{}, sequential{}), want) < bound);
    }
  });
}

TEST_CASE("under sigmoid, whose parts are sums alone") {
  const simulated<sm80> machine({.schedule = simulation::schedule::reversed});
  conversation talk(machine, 300, 513);
  constexpr sigmoid weighting{.bias = -3};
  for (const auto& [first, last] : {std::pair<index_t, index_t>{299, 300}, {1, 150}}) {
    const auto got = talk.attend_to(first, last, causal{}, scaled{}, fixed_split{.length = 128}, weighting);
    CHECK(apart(got, talk.reference_of(first, last, causal{}, scaled{}, weighting)) < bound);
  }
  CHECK(machine.report().clean());
}

TEST_CASE("more queries than partial results have room for are taken in turn") {
  on_simulated_gpus([](const auto& machine) {
    constexpr index_t length = 8192, queries = 160;
    conversation talk(machine, length, 20480);  // what a full cache would need is less than what more tiles of this one take
    const auto got = talk.attend_to(length - queries, length, near_keys, scaled{}, fixed_split{.length = 128});
    CHECK(apart(got, talk.reference_of(length - queries, length, near_keys, scaled{})) < bound);
  });
}

TEST_CASE("under fixed_split a row has the same bits alone, among others, in a larger cache, in a larger grid") {
  on_simulated_gpus([](const auto& machine) {
    const auto row = [](const std::vector<float>& rows, index_t i) {
      return std::vector<float>(rows.begin() + i * query_heads * dim, rows.begin() + (i + 1) * query_heads * dim);
    };
    conversation talk(machine, 300, 300), roomy(machine, 300, 2000);
    for (const int split : {128, 512}) {  // several splits; one
      const fixed_split how{.length = split};
      const auto many = talk.attend_to(170, 300, causal{}, scaled{}, how), few = talk.attend_to(297, 300, causal{}, scaled{}, how);
      CHECK(row(many, 129) == row(few, 2));
      CHECK(row(many, 127) == row(few, 0));
      CHECK(row(talk.attend_to(299, 300, causal{}, scaled{}, how), 0) == row(few, 2));
      CHECK(row(roomy.attend_to(299, 300, causal{}, scaled{}, how), 0) == row(few, 2));
      CHECK(row(talk.attend_to(180, 181, causal{}, scaled{}, how), 0) == row(many, 10));
    }
  });
}

TEST_CASE("what does not fit is refused") {
  const simulated<sm80> machine;
  conversation talk(machine, 3, 8);
  const device_numbers<simulated<sm80>, float> rows(machine, 9 * query_heads * dim);
  const auto call = [&](index_t queries, int heads_of_q) {
    attend<dim, dim>(machine, view<const float, 3>(rows.data(), queries, heads_of_q, dim), talk.cache, view<float, 3>(rows.data(), queries, heads_of_q, dim), causal{}, scaled{}, nullptr);
  };
  CHECK_THROWS_WITH_AS(call(1, query_heads + 1), doctest::Contains("Fix: give the heads that the cache was made for."), error);
  talk.cache.length = 9;
  CHECK_THROWS_WITH_AS(call(1, query_heads), doctest::Contains("Fix: append before attending."), error);
  CHECK_THROWS_WITH_AS(talk.attend_to(2, 3, causal{}, scaled{}, fixed_split{.length = 100}), doctest::Contains("[reduction.length] is 100"), error);
}

}  // namespace
