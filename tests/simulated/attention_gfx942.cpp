// The attention kernel of gfx942, executed: against the reference in double, without a fault, and with every break caught.
#include <doctest/doctest.h>

#include <tenon/kernels/launch/amd/attention.hpp>

#include "attention_case.hpp"
#include "breaks.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using enum mutation;

template <class Mask, class Score, int Dim, int Group = 1, class Out = bf16>
struct problem {
  using mask = Mask;
  using score = Score;
  using weighting = softmax;
  using out = Out;
  static constexpr int dim = Dim, group = Group;
};

template <class Problem>
void check(attention_case<Problem> c) {
  using leaf = simulated<gfx942>::leaf;
  const std::vector<double> want = c.reference();
  for (const auto order : {simulation::schedule::reversed, simulation::schedule::random}) {
    const simulated<gfx942> machine({.schedule = order, .seed = 11});
    c.template run<leaf, amd_attention<leaf, Problem>>(machine);
    CAPTURE(c.sizes.queries);
    CAPTURE(c.sizes.keys);
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(machine.report().bank_conflicts == 0);
    CHECK(c.distance(want) <= 5e-3);
  }
}

TEST_CASE("causal, ragged, grouped heads, scores") {
  for (const attention_sizes s : {attention_sizes{1, 2, 1, 1, 1}, {2, 2, 1, 33, 65}, {1, 1, 1, 130, 200}, {1, 1, 1, 100, 40}})
    check<problem<causal, scaled, 64>>({s, {}});
  check<problem<causal, scaled, 128, 4>>({{1, 4, 1, 37, 140}, {}});
  using capped = decltype(scaled{} >> soft_cap{.cap = 5.0f});
  check<problem<causal, capped, 64, 1, float>>({{1, 1, 1, 40, 90}, {}, scaled{} >> soft_cap{.cap = 5.0f}});
}

TEST_CASE("every break of the attention kernel shows") {
  using narrow = problem<window, scaled, 64>;
  using words = amd_attention<mutating_amd<gfx942>, narrow>;
  attention_case<narrow> c({1, 1, 1, 40, 150}, {.width = 70});
  const std::vector<double> want = c.reference();
  const auto run = [&](slip wrong, int less_shared, auto&& change) {
    return caught_by<gfx942>(wrong, [&](const auto& machine) {
      auto a = c.arguments();
      change(a);
      c.run<mutating_amd<gfx942>, words>(machine, a, words::shared_bytes - less_shared);
      return c.distance(want);
    });
  };
  const auto same = [](auto&) {};
  REQUIRE(run({}, 0, same).empty());
  const break_row slips[] = {
      {"the 1st barrier left out", {drop_barrier, 0}},
      {"the 2nd barrier left out", {drop_barrier, 1}},
      {"the 3rd barrier left out", {drop_barrier, 2}},
      {"a barrier left out by one wave", {drop_barrier_once, 1}},
      {"a barrier too many in one wave", {extra_barrier, 2}},
      {"the left operand's registers exchanged", {swap_left}},
      {"the right operand's registers exchanged", {swap_right}},
      {"sums exchanged in the 14th product", {swap_sums, 13}},
      {"sums begun anew in the 14th product", {first_for_all, 13}},
      {"the shuffle left out", {skip_shuffle, 32}},
      {"the shuffle with the wrong lane", {wrong_shuffle, 32}},
      {"a shuffle that one lane does not reach", {one_lane_leaves}},
      {"weights packed the wrong way round", {swap_packed}},
      {"e^x for 2^x", {wrong_exponent}},
      {"results stored one access further", {store_elsewhere}},
      {"keys and values stored elsewhere in shared memory", {store_shared_elsewhere}},
      {"keys and values loaded from elsewhere in shared memory", {load_shared_elsewhere}},
      {"a wave's number taken per lane", {own_uniform}},
  };
  require_caught(slips, [&](const break_row& row) { return run(row.wrong, 0, same); });
  using arguments = attention_arguments<narrow>;
  const struct {
    const char* says;
    int less_shared;
    void (*change)(arguments&);
  } changes[] = {
      {"16 bytes of shared memory too few", 16, [](arguments&) {}},
      {"a mask one key too wide", 0, [](arguments& a) { ++a.mask.width; }},
      {"a key too few", 0, [](arguments& a) { --a.length; }},
      {"a key too many", 0, [](arguments& a) { ++a.length; }},
      {"the wrong stride of q", 0, [](arguments& a) { a.q_query += 8; }},
  };
  require_caught(changes, [&](const auto& row) { return run({}, row.less_shared, row.change); });
}

}  // namespace
