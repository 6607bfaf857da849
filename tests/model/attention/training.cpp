// The gradients of output gates and of dynamic attention against finite differences of their definitions in double.
#include <tenon/model/attention/dynamic.hpp>
#include <tenon/model/attention/output_gated.hpp>

#include "../../support/layer_gradients.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48;

template <tenon::gate_per Per>
struct opened : attention_parts {
  static constexpr auto output_gate = Per;
};
template <int Percent, tenon::head_weights Weights, tenon::decides_by Mean = tenon::decides_by::tokens_seen>
struct dynamic_parts : attention_parts {
  static constexpr tenon::dynamic_spec dynamic{.threshold = 0.01f * Percent, .weights = Weights, .mean = Mean, .temperature = 0.2f};
};
struct whole_block : dynamic_parts<40, tenon::head_weights::sigmoid, tenon::decides_by::whole_block> {
  static constexpr auto mask = tenon::full{};
};
static_assert(tenon::trainable_layer<tenon::output_gated_attention<opened<tenon::gate_per::head>>> && tenon::trainable_layer<tenon::dynamic_attention<whole_block>>);

template <class Spec>
void check_output_gate(unsigned seed, index_t tokens = 11) {
  using layer = tenon::output_gated_attention<Spec>;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 1), by = random_floats(tokens * width, seed + 2);
  const auto found = learn<layer>(w, in, by, width, [](const auto& to) { return std::map<std::string, std::vector<float>>{{"attn_gate.weight", to.gate}}; });
  check_gradients(in_double(w, in), found, [&](const parameters& p) {
    const doubles gate = dense(p["in"], width, p["attn_gate.weight"]);
    doubles mixed = qkv(p["in"], p, Spec::attention, width, 100).attend(Spec::mask);
    for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] *= logistic_of(gate[i / (mixed.size() / gate.size())]);
    return dot(dense(mixed, 96, p["attn_output.weight"]), by);
  });
}

template <class Spec>
void check_dynamic(unsigned seed, index_t tokens = 11) {
  using layer = tenon::dynamic_attention<Spec>;
  constexpr tenon::dynamic_spec own = Spec::dynamic;
  constexpr std::size_t heads = 6, wide = static_cast<std::size_t>(width);
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 1, 2), by = random_floats(tokens * width, seed + 2);
  const auto found = learn<layer>(w, in, by, width, [](const auto& to) {
    return std::map<std::string, std::vector<float>>{{"attn_head_weights_up.weight", to.widen}, {"attn_head_weights_up.bias", to.widen_bias},
                                                     {"attn_head_weights.weight", to.weigh}, {"attn_head_weights.bias", to.weigh_bias}};
  });
  straight_through opens{static_cast<double>(own.threshold), static_cast<double>(own.temperature)};
  const auto loss = [&](const parameters& p) {
    const doubles& x = p["in"];
    doubles mean(x.size()), sum(wide);
    for (std::size_t i = 0; i < x.size(); ++i) mean[i] = (sum[i % wide] += x[i]) / static_cast<double>(i / wide + 1);
    if (own.mean == tenon::decides_by::whole_block)
      for (std::size_t first = 0, block = wide * static_cast<std::size_t>(tenon::block_tokens); first < x.size(); first += block) {  // a mean for each
        const std::size_t last = std::min(x.size(), first + block);
        sum.assign(wide, 0);
        for (std::size_t i = first; i < last; ++i) sum[i % wide] += x[i];
        for (std::size_t i = first; i < last; ++i) mean[i] = sum[i % wide] * static_cast<double>(wide) / static_cast<double>(last - first);
      }
    doubles hidden = dense(mean, width, p["attn_head_weights_up.weight"], p["attn_head_weights_up.bias"]);
    for (double& h : hidden) h = silu_of(h);
    const doubles g = dense(hidden, 2 * width, p["attn_head_weights.weight"], p["attn_head_weights.bias"]);
    doubles mixed = qkv(x, p, Spec::attention, width, 100).attend(Spec::mask);
    for (std::size_t i = 0; i < g.size(); ++i) {
      double total = 0;
      for (std::size_t h = i / heads * heads; h < i / heads * heads + heads; ++h) total += std::exp(g[h]);
      const double weight = own.weights == tenon::head_weights::sigmoid ? logistic_of(g[i]) : static_cast<double>(heads) * std::exp(g[i]) / total;
      const double by_weight = weight * opens(i, weight);
      for (std::size_t d = 0; d < 16; ++d) mixed[i * 16 + d] *= by_weight;
    }
    return dot(dense(mixed, 96, p["attn_output.weight"]), by);
  };
  loss(in_double(w, in));  // where the thresholds are taken to stand
  check_gradients(in_double(w, in), found, loss);
}

TEST_CASE("output gates learn") {
  check_output_gate<opened<tenon::gate_per::head>>(1);
  check_output_gate<opened<tenon::gate_per::element>>(2);
  check_output_gate<opened<tenon::gate_per::element>>(2, many_tokens);
}

TEST_CASE("dynamic attention learns its weights, through the threshold too") {
  check_dynamic<dynamic_parts<0, tenon::head_weights::sigmoid>>(3);
  check_dynamic<dynamic_parts<50, tenon::head_weights::sigmoid>>(4);
  check_dynamic<dynamic_parts<80, tenon::head_weights::softmax>>(5);
  check_dynamic<whole_block>(6);
  check_dynamic<dynamic_parts<50, tenon::head_weights::sigmoid>>(4, many_tokens);
}

struct penalized : dynamic_parts<50, tenon::head_weights::sigmoid> {
  static constexpr tenon::dynamic_spec dynamic{.threshold = 0.5f, .penalty = 0.03f};
};
TEST_CASE("the generator of dynamic attention is penalized, and nothing else is") {
  using layer = tenon::dynamic_attention<penalized>;
  static_assert(tenon::penalized_layer<layer> && !tenon::penalized_layer<tenon::output_gated_attention<opened<tenon::gate_per::head>>>);
  layer_weights<layer> w(9);
  layer::gradients to;
  to.widen.front() = 7;  // added to
  const double found = layer::penalize(tenon::cpu(), w.packed(), to);
  const auto loss = [](const parameters& p) {
    double squares = 0;
    for (const auto& [name, values] : p.all)
      for (const double x : values) squares += x * x;
    return static_cast<double>(0.03f) / 2 * squares;
  };
  parameters at;
  for (const char* name : {"attn_head_weights_up.weight", "attn_head_weights.weight"}) at.all[name] = doubles(w[name].begin(), w[name].end());
  CHECK(found == doctest::Approx(loss(at)).epsilon(1e-6));
  to.widen.front() -= 7;
  check_slopes(at, {{"attn_head_weights_up.weight", to.widen}, {"attn_head_weights.weight", to.weigh}}, loss);
  for (const auto* other : {&to.query, &to.output, &to.widen_bias, &to.weigh_bias})
    for (const float x : *other) CHECK(x == 0);
  std::vector<float> wrong(3);
  CHECK_THROWS_AS(tenon::l2_penalty(tenon::cpu(), w.packed().weigh, 1, tenon::view<float, 2>(wrong.data(), 1, 3)), tenon::error);
}

TEST_CASE("training takes a sequence in one pass") {
  using layer = tenon::output_gated_attention<opened<tenon::gate_per::head>>;
  layer_weights<layer> w(7);
  layer_run<layer> run(w.packed(), 8);
  const std::vector<float> in = random_floats(4 * width, 8);
  std::vector<float> out(in.size());
  layer::saved kept;
  CHECK_THROWS_AS(layer::forward_saving(run.now(4, 4), w.packed(), run.state(), kept, view<const float, 2>(in.data(), 4, width), view<float, 2>(out.data(), 4, width)), tenon::error);
}

}  // namespace
