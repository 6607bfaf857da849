// Attention over a cache as models call it on a GPU, executed on both architectures: against the reference in double, and bit for bit where
// the order of summation promises it: whatever the company of a query, the room in the cache and the size of the grid.
#include "cached_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

constexpr int query_heads = 6, dim = 64;
constexpr auto near_keys = causal{} & window{.width = 70};

TEST_CASE("one query, a few, many; one split of the keys and several") {
  on_simulated_gpus([](const auto& machine) {
    conversation talk(machine, 300, 513);
    for (const auto& [first, last] : {std::pair<index_t, index_t>{0, 1}, {299, 300}, {126, 130}, {1, 150}}) {
      CAPTURE(last);
      const auto want = talk.reference_of(first, last, causal{}, scaled{});
      CHECK(apart(talk.attend_to(first, last, causal{}, scaled{}, fixed_split{.length = 128}), want) < bound_of_cached);
      CHECK(apart(talk.attend_to(first, last, causal{}, scaled{}, sequential{}), want) < bound_of_cached);
    }
  });
}

TEST_CASE("under sigmoid, whose parts are sums alone") {
  const simulated<sm80> machine({.schedule = simulation::schedule::reversed});
  conversation talk(machine, 300, 513);
  constexpr sigmoid weighting{.bias = -3};
  for (const auto& [first, last] : {std::pair<index_t, index_t>{299, 300}, {1, 150}}) {
    const auto got = talk.attend_to(first, last, causal{}, scaled{}, fixed_split{.length = 128}, weighting);
    CHECK(apart(got, talk.reference_of(first, last, causal{}, scaled{}, weighting)) < bound_of_cached);
  }
  CHECK(machine.report().clean());
}

TEST_CASE("more queries than partial results have room for are taken in turn") {
  on_simulated_gpus([](const auto& machine) {
    constexpr index_t length = 8192, queries = 160;
    conversation talk(machine, length, 20480);  // what a full cache would need is less than what more tiles of this one take
    const auto got = talk.attend_to(length - queries, length, near_keys, scaled{}, fixed_split{.length = 128});
    CHECK(apart(got, talk.reference_of(length - queries, length, near_keys, scaled{})) < bound_of_cached);
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
