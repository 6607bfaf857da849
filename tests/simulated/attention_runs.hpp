#pragma once
// What the attention kernel of every architecture must do: agree with the reference in double, without a fault, whatever the order of warps and
// copies. One template over the machine.

#include <doctest/doctest.h>

#include "attention_case.hpp"
#include "machines.hpp"

namespace tenon::testing {

template <class Mask, class Score, int Dim, int Group = 1, class Weighting = softmax, class Out = bf16, class Number = bf16>
struct attention_problem {
  using mask = Mask;
  using score = Score;
  using weighting = Weighting;
  using out = Out;
  using number = Number;
  static constexpr int dim = Dim, group = Group;
};

template <class Arch, class Problem>
void check_attention(attention_case<Problem> c) {
  using leaf = typename kernels_of<Arch>::leaf;
  const std::vector<double> want = c.reference();
  for (const order& o : orders) {
    const simulated<Arch> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
    c.template run<leaf, typename kernels_of<Arch>::template attention<leaf, Problem>>(machine);
    CAPTURE(Arch::name);
    CAPTURE(c.sizes.queries);
    CAPTURE(c.sizes.keys);
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    CHECK(machine.report().bank_conflicts == 0);
    CHECK(machine.report().unawaited == 0);
    CHECK(c.distance(want) <= bound_between<typename Problem::number, typename Problem::out>);
  }
}

template <class Arch>
void check_attention_of_heads() {
  using causal_64 = attention_problem<causal, scaled, 64>;
  for (const attention_sizes s :
       {attention_sizes{1, 2, 1, 1, 1}, {1, 1, 1, 7, 7}, {2, 4, 2, 33, 65}, {1, 2, 1, 130, 130}, {1, 1, 1, 5, 200}, {1, 1, 1, 129, 64}, {1, 1, 1, 100, 40}})
    check_attention<Arch, causal_64>({s, {}});
  check_attention<Arch, attention_problem<causal, scaled, 128>>({{1, 2, 2, 100, 140}, {}});
  check_attention<Arch, attention_problem<causal, scaled, 64, 4>>({{1, 8, 2, 37, 70}, {}});
}

template <class Arch>
void check_attention_of_policies() {
  using capped = decltype(scaled{} >> soft_cap{.cap = 5.0f});
  using windowed = decltype(causal{} & window{.width = 1});
  check_attention<Arch, attention_problem<windowed, capped, 64>>({{1, 2, 1, 90, 150}, causal{} & window{.width = 40}, scaled{} >> soft_cap{.cap = 5.0f}});
  check_attention<Arch, attention_problem<full, scaled, 64>>({{1, 1, 1, 20, 100}, {}, {.factor = -0.2f}});
  check_attention<Arch, attention_problem<causal, scaled, 64, 1, sigmoid>>({{1, 2, 1, 40, 90}, {}, {}, {.bias = -3}});
}

template <class Arch>
void check_attention_of_blind_rows() {
  using blind = attention_problem<nothing_before, scaled, 64>;
  check_attention<Arch, blind>({{1, 1, 1, 40, 80}, {.query = 60}});
  check_attention<Arch, blind>({{1, 1, 1, 300, 300}, {.query = 140}});  // whole tiles of rows
  check_attention<Arch, blind>({{1, 1, 1, 20, 20}, {.query = 1000}});
}

template <class Arch>
void check_attention_of_numbers() {
  check_attention<Arch, attention_problem<causal, scaled, 64, 1, softmax, float>>({{1, 2, 1, 50, 90}, {}});
  check_attention<Arch, attention_problem<causal, scaled, 128, 1, softmax, f16, f16>>({{1, 1, 1, 40, 90}, {}});
  using with_sinks = attention_problem<causal, scaled, 64, 1, sink>;
  const std::vector<float> logits{0.5f, -3.0f};
  attention_case<with_sinks> c({1, 2, 1, 30, 30}, {}, {}, {.logits = logits.data()});
  c.operands = logits;
  check_attention<Arch>(c);
}

}  // namespace tenon::testing
