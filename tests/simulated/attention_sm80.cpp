// The attention kernel of sm_80, executed: against the reference in double, without a fault, whatever the order of warps and of copies.
#include <doctest/doctest.h>

#include <tenon/kernels/launch/nvidia/attention.hpp>

#include "attention_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using simulation::copies;
using simulation::schedule;

template <class Mask, class Score, int Dim, int Group = 1, class Weighting = softmax, class Out = bf16>
struct problem {
  using mask = Mask;
  using score = Score;
  using weighting = Weighting;
  using out = Out;
  static constexpr int dim = Dim, group = Group;
};

struct order {
  simulation::schedule schedule;
  simulation::copies copies;
};
constexpr order orders[] = {{schedule::reversed, copies::lazy}, {schedule::random, copies::eager}};

template <class Problem>
simulation::report check(attention_case<Problem> c) {
  using leaf = simulated<sm80>::leaf;
  const std::vector<double> want = c.reference();
  simulation::report last;
  for (const order& o : orders) {
    const simulated<sm80> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
    c.template run<leaf, nvidia_attention<leaf, Problem>>(machine);
    last = machine.report();
    CAPTURE(c.sizes.queries);
    CAPTURE(c.sizes.keys);
    CAPTURE(last.text());
    CHECK(last.clean());
    CHECK(last.bank_conflicts == 0);
    CHECK(last.unawaited == 0);
    CHECK(c.distance(want) <= 5e-3);
  }
  return last;
}

TEST_CASE("causal, ragged, grouped heads") {
  using causal_64 = problem<causal, scaled, 64>;
  for (const attention_sizes s :
       {attention_sizes{1, 2, 1, 1, 1}, {1, 1, 1, 7, 7}, {2, 4, 2, 33, 65}, {1, 2, 1, 130, 130}, {1, 1, 1, 5, 200}, {1, 1, 1, 129, 64}})
    check<causal_64>({s, {}});
  check<problem<causal, scaled, 128>>({{1, 2, 2, 100, 140}, {}});
  check<problem<causal, scaled, 64, 4>>({{1, 8, 2, 37, 70}, {}});
}

TEST_CASE("masks and scores") {
  using capped = decltype(scaled{} >> soft_cap{.cap = 5.0f});
  using windowed = decltype(causal{} & window{.width = 1});
  check<problem<windowed, capped, 64>>({{1, 2, 1, 90, 150}, causal{} & window{.width = 40}, scaled{} >> soft_cap{.cap = 5.0f}});
  check<problem<full, scaled, 64>>({{1, 1, 1, 20, 100}, {}, {.factor = -0.2f}});
}

/// Nothing is seen: by some rows, or by all.
struct nothing_before {
  int query;
  TENON_BOTH constexpr bool keep(position p) const { return p.query >= query; }
  TENON_BOTH constexpr cover covers(tile t) const { return t.q1 <= query ? cover::none : t.q0 >= query ? cover::all : cover::some; }
};

TEST_CASE("rows that see nothing are zero") {
  using blind = problem<nothing_before, scaled, 64>;
  check<blind>({{1, 1, 1, 40, 80}, {.query = 60}});
  check<blind>({{1, 1, 1, 300, 300}, {.query = 140}});  // whole tiles of rows
  check<blind>({{1, 1, 1, 20, 20}, {.query = 1000}});
}

TEST_CASE("fp32 out; sinks, read from global memory") {
  check<problem<causal, scaled, 64, 1, softmax, float>>({{1, 2, 1, 50, 90}, {}});
  using with_sinks = problem<causal, scaled, 64, 1, sink>;
  const std::vector<float> logits{0.5f, -3.0f};
  attention_case<with_sinks> c({1, 2, 1, 30, 30}, {}, {}, {.logits = logits.data()});
  c.operands = logits;
  check(c);
}

}  // namespace
