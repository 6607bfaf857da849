// Output gates, per head and per element, against the definition in double.
#include <doctest/doctest.h>

#include <tenon/model/attention/output_gated.hpp>

#include "../../support/layer_runs.hpp"

namespace {

using namespace tenon_test;

struct head_gated : attention_parts {
  static constexpr auto output_gate = tenon::gate_per::head;
};
struct element_gated : attention_parts {
  static constexpr auto output_gate = tenon::gate_per::element;
};
static_assert(tenon::layer<tenon::output_gated_attention<head_gated>> && tenon::layer<tenon::output_gated_attention<element_gated>>);
static_assert(tenon::count_parameters<tenon::output_gated_attention<head_gated>>() == 48 * (96 + 2 * 32 + 96 + 6));
static_assert(tenon::count_parameters<tenon::output_gated_attention<element_gated>>() == 48 * (96 + 2 * 32 + 96 + 96));

template <class Spec>
void check(unsigned seed, index_t tokens) {
  using layer = tenon::output_gated_attention<Spec>;
  constexpr index_t width = 48;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 100);
  const doubles x(in.begin(), in.end()), gate = dense(x, width, w["attn_gate.weight"]);
  doubles mixed = qkv(x, w, Spec::attention, width, 100).attend(tenon::causal{});
  const std::size_t per_gate = mixed.size() / gate.size();
  for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] *= logistic_of(gate[i / per_gate]);
  const doubles want = dense(mixed, 96, w["attn_output.weight"]);

  const std::vector<float> at_once = layer_run<layer>(w.packed(), tokens).forward(in, width, {tokens});
  CHECK(apart(at_once, want) < 1e-6);
  CHECK(layer_run<layer>(w.packed(), tokens).forward(in, width, {1, 7, 1}) == at_once);
}

TEST_CASE("an output gate per head or per element, whatever the blocks") {
  for (const int tokens : {1, 5, 40}) {
    check<head_gated>(1, tokens);
    check<element_gated>(2, tokens);
  }
}

}  // namespace
