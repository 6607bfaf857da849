// Cross-modal attention and the bridge against their definitions in double.
#include <doctest/doctest.h>

#include <tenon/model/attention/bridge.hpp>
#include <tenon/model/block.hpp>

#include "../../support/layer_runs.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48, context_width = 40;

struct crossed : attention_parts {
  static constexpr tenon::context_spec context{.width = context_width, .most_tokens = 600, .temperature = 2};
};
struct bridged : crossed {
  static constexpr tenon::bridge_spec bridge{};
};
static_assert(tenon::context_layer<tenon::cross_attention<crossed>> && tenon::context_layer<tenon::bridge<bridged>>);
static_assert(tenon::layer<tenon::bridge<bridged>> && !tenon::context_layer<tenon::refused_layer>);
static_assert(tenon::count_parameters<tenon::bridge<bridged>>() == 128 * (48 + 40 + 4 * 128 + 48));

// Attention of q [token, head, dim] to k, v [key, kv_head, dim], every key.
doubles attend_all(const doubles& q, const doubles& k, const doubles& v, index_t query_heads, index_t kv_heads, index_t dim, float temperature) {
  const auto by_head = [&](const doubles& x, index_t heads) { return view<const double, 3>(x.data(), static_cast<index_t>(x.size()) / (heads * dim), heads, dim); };
  doubles out(q.size());
  const view<double, 3> to(out.data(), static_cast<index_t>(q.size()) / (query_heads * dim), query_heads, dim);
  if (!k.empty())
    tenon::reference::attend(by_head(q, query_heads), by_head(k, kv_heads), by_head(v, kv_heads), to, tenon::full{},
                             tenon::scaled{.factor = 1 / (temperature * std::sqrt(static_cast<float>(dim)))});
  return out;
}

template <class Weights>
doubles cross_oracle(const doubles& x, index_t x_width, const doubles& c, index_t c_width, const Weights& w, index_t query_heads, index_t kv_heads, index_t dim, float temperature) {
  const doubles mixed = attend_all(dense(x, x_width, w["cross_attn_q.weight"]), dense(c, c_width, w["cross_attn_k.weight"]), dense(c, c_width, w["cross_attn_v.weight"]),
                                   query_heads, kv_heads, dim, temperature);
  return dense(mixed, query_heads * dim, w["cross_attn_output.weight"]);
}

template <class Layer, class Oracle>
void check(index_t tokens, index_t context_tokens, unsigned seed, const Oracle& oracle) {
  layer_weights<Layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 1), context = random_floats(context_tokens * context_width, seed + 2);
  const view<const float, 2> c(context.data(), context_tokens, context_width);
  layer_run<Layer> run(w.packed(), tokens);
  Layer::read_context(run.now(0, 0), w.packed(), run.state(), c);
  const std::vector<float> at_once = run.forward(in, width, {tokens});
  CHECK(apart(at_once, oracle(doubles(in.begin(), in.end()), doubles(context.begin(), context.end()), w)) < 2e-6);
  CHECK(run.forward(in, width, {1, 4}) == at_once);
  // The context in two parts, the second of them twice.
  const index_t half = context_tokens / 2;
  Layer::read_context(run.now(0, 0), w.packed(), run.state(), c.rows(0, half));
  Layer::read_context(run.now(0, 0), w.packed(), run.state(), c.rows(half, context_tokens - half), half);
  Layer::read_context(run.now(0, 0), w.packed(), run.state(), c.rows(half, context_tokens - half), half);
  CHECK(run.forward(in, width, {tokens}) == at_once);
}

TEST_CASE("cross-modal attention: any number of tokens looks at any context") {
  const auto oracle = [](const doubles& x, const doubles& c, const auto& w) { return cross_oracle(x, width, c, context_width, w, 6, 2, 16, 2); };
  for (const int tokens : {1, 9})
    for (const int context_tokens : {0, 1, 33, 530}) check<tenon::cross_attention<crossed>>(tokens, context_tokens, 1, oracle);
}

TEST_CASE("the bridge goes through a narrow attention and back") {
  const auto oracle = [](const doubles& x, const doubles& c, const auto& w) {
    const doubles text = dense(x, width, w["bridge_stream.weight"]), vision = dense(c, context_width, w["bridge_context.weight"]);
    return dense(cross_oracle(text, 128, vision, 128, w, 8, 8, 16, 2), 128, w["bridge_output.weight"]);
  };
  for (const int tokens : {1, 9})
    for (const int context_tokens : {0, 33}) check<tenon::bridge<bridged>>(tokens, context_tokens, 5, oracle);
}

TEST_CASE("a context that does not fit") {
  using layer = tenon::cross_attention<crossed>;
  layer_weights<layer> w(3);
  layer_run<layer> run(w.packed(), 4);
  const std::vector<float> context(601 * context_width);
  CHECK_THROWS_AS(layer::read_context(run.now(0, 0), w.packed(), run.state(), view<const float, 2>(context.data(), 601, context_width)), tenon::error);
  CHECK_THROWS_AS(layer::read_context(run.now(0, 0), w.packed(), run.state(), view<const float, 2>(context.data(), 6, context_width - 1)), tenon::error);
  CHECK_THROWS_AS(layer::read_context(run.now(0, 0), w.packed(), run.state(), view<const float, 2>(context.data(), 6, context_width), 1), tenon::error);
}

}  // namespace
