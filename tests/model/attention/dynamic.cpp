// Dynamic attention against the definition in double: weights, thresholds, what is skipped and what is counted.
#include <doctest/doctest.h>

#include <limits>

#include <tenon/model/attention/dynamic.hpp>

#include "../../support/layer_runs.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48, query_heads = 6;

template <int Percent, tenon::head_weights Weights = tenon::head_weights::sigmoid>
struct dynamic_parts : attention_parts {
  static constexpr tenon::dynamic_spec dynamic{.threshold = 0.01f * Percent, .weights = Weights};
};
struct whole_block : attention_parts {
  static constexpr auto mask = tenon::full{};
  static constexpr tenon::dynamic_spec dynamic{.threshold = 0.5f, .mean = tenon::decides_by::whole_block};
};
static_assert(tenon::layer<tenon::dynamic_attention<whole_block>>);
static_assert(tenon::count_parameters<tenon::dynamic_attention<whole_block>>() == 48 * (96 + 2 * 32 + 96) + 96 * 48 + 96 + 6 * 96 + 6);

// The weight of every head for every token.
template <class Spec, class Weights>
doubles weights_of(const doubles& x, const Weights& w) {
  doubles mean(x.size()), sum(width);
  for (std::size_t i = 0; i < x.size(); ++i) mean[i] = (sum[i % width] += x[i]) / static_cast<double>(i / width + 1);
  if (Spec::dynamic.mean == tenon::decides_by::whole_block)
    for (std::size_t i = 0; i < x.size(); ++i) mean[i] = sum[i % width] * width / static_cast<double>(x.size());
  doubles hidden = dense(mean, width, w["attn_head_weights_up.weight"], w["attn_head_weights_up.bias"]);
  for (double& h : hidden) h = silu_of(h);
  doubles g = dense(hidden, 2 * width, w["attn_head_weights.weight"], w["attn_head_weights.bias"]);
  for (std::size_t first = 0; first < g.size(); first += query_heads) {
    double total = 0;
    for (std::size_t h = 0; h < query_heads; ++h) total += std::exp(g[first + h]);
    for (std::size_t h = 0; h < query_heads; ++h) {
      double& one = g[first + h];
      one = Spec::dynamic.weights == tenon::head_weights::sigmoid ? logistic_of(one) : static_cast<double>(query_heads) * std::exp(one) / total;
    }
  }
  return g;
}

template <class Spec>
index_t check(unsigned seed, index_t tokens) {
  using layer = tenon::dynamic_attention<Spec>;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 100, 2);
  const doubles x(in.begin(), in.end()), weight = weights_of<Spec>(x, w);
  doubles mixed = qkv(x, w, Spec::attention, width, 100).attend(Spec::mask);
  index_t skipped = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    REQUIRE(std::abs(weight[i] - Spec::dynamic.threshold) > 1e-6);  // near the threshold float and double may disagree
    const bool skip = weight[i] < Spec::dynamic.threshold;
    skipped += skip;
    for (std::size_t d = 0; d < 16; ++d) mixed[i * 16 + d] *= skip ? 0 : weight[i];
  }
  const doubles want = dense(mixed, 96, w["attn_output.weight"]);

  layer_run<layer> run(w.packed(), tokens);
  const std::vector<float> at_once = run.forward(in, width, {tokens});
  CHECK(apart(at_once, want) < 1e-6);
  CHECK(run.state().skipped.heads == tokens * query_heads);
  CHECK(run.state().skipped.heads_skipped == skipped);
  if constexpr (Spec::dynamic.mean == tenon::decides_by::tokens_seen) {
    layer_run<layer> by_token(w.packed(), tokens + 3);
    CHECK(by_token.forward(in, width, {1, 6, 1}) == at_once);
    CHECK(by_token.state().skipped.heads_skipped == skipped);
    CHECK(by_token.forward(in, width, {tokens}) == at_once);  // from the start again
    if (tokens > 2) CHECK_THROWS_AS(by_token.forward(in, width, 2, 1), tenon::error);
  }
  return skipped;
}

TEST_CASE("heads are weighed by what was seen, and the light ones skipped") {
  for (const int tokens : {1, 9, 33}) {
    const index_t all = tokens * query_heads;
    CHECK(check<dynamic_parts<0>>(1, tokens) == 0);
    CHECK(check<dynamic_parts<100>>(1, tokens) == all);
    CHECK(check<dynamic_parts<60, tenon::head_weights::softmax>>(3, tokens) < all);
    CHECK(check<whole_block>(4, tokens) % tokens == 0);
  }
  const index_t some = check<dynamic_parts<50>>(2, 33);
  CHECK((some > 20 && some < 33 * query_heads - 20));
}

TEST_CASE("a weight that is no number shows") {
  using layer = tenon::dynamic_attention<dynamic_parts<50>>;
  layer_weights<layer> w(5);
  w.at("attn_head_weights.bias")[1] = std::numeric_limits<float>::quiet_NaN();
  layer_run<layer> run(w.packed(), 4);
  for (const float y : run.forward(random_floats(4 * width, 6), width, {4})) CHECK(std::isnan(y));
}

}  // namespace
