// The gradients of cross-modal attention and of the bridge, those of the context too, against finite differences in double.
#include <tenon/model/attention/bridge.hpp>

#include "../../support/layer_gradients.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48, context_width = 40, context_tokens = 9;

struct crossed : attention_parts {
  static constexpr tenon::context_spec context{.width = context_width, .most_tokens = 20, .temperature = 2};
};
struct bridged : crossed {
  static constexpr tenon::bridge_spec bridge{.width = 32, .heads = 2};
};
static_assert(tenon::trainable_layer<tenon::cross_attention<crossed>> && tenon::trainable_layer<tenon::bridge<bridged>>);

template <class Layer, class Collect, class Oracle>
void check(unsigned seed, const Collect& collect, const Oracle& oracle, index_t tokens = 7) {
  layer_weights<Layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 1), context = random_floats(context_tokens * context_width, seed + 2), by = random_floats(tokens * width, seed + 3);
  const view<const float, 2> x(in.data(), tokens, width), c(context.data(), context_tokens, context_width);
  layer_run<Layer> run(w.packed(), tokens);
  std::vector<float> out(in.size()), in_gradient(in.size());
  typename Layer::saved kept;
  typename Layer::gradients to;
  Layer::read_context_saving(run.now(0, 0), w.packed(), run.state(), kept, c);
  Layer::forward_saving(run.now(0, tokens), w.packed(), run.state(), kept, x, view<float, 2>(out.data(), tokens, width));
  const std::vector<float> plain = run.forward(in, width, {std::min(tokens, tenon::block_tokens)});
  CHECK(apart(out, doubles(plain.begin(), plain.end())) < 1e-6);
  Layer::backward(run.now(0, tokens), w.packed(), kept, view<const float, 2>(by.data(), tokens, width), view<float, 2>(in_gradient.data(), tokens, width), to);
  std::map<std::string, std::vector<float>> found = collect(to);
  found["in"] = in_gradient, found["context"] = to.context;
  parameters at = in_double(w, in);
  at.all["context"] = doubles(context.begin(), context.end());
  check_gradients(at, found, [&](const parameters& p) { return dot(oracle(p), by); });
}

// Cross-attention of x to c with every head its own key head where `kv_heads` is `heads`.
doubles cross(const doubles& x, index_t x_width, const doubles& c, index_t c_width, const parameters& p, index_t heads, index_t kv_heads) {
  const doubles q = dense(x, x_width, p["cross_attn_q.weight"]), k = dense(c, c_width, p["cross_attn_k.weight"]), v = dense(c, c_width, p["cross_attn_v.weight"]);
  doubles mixed(q.size());
  const auto by_head = [](const doubles& all, index_t count) { return view<const double, 3>(all.data(), static_cast<index_t>(all.size()) / (count * 16), count, 16); };
  tenon::reference::attend(by_head(q, heads), by_head(k, kv_heads), by_head(v, kv_heads), view<double, 3>(mixed.data(), static_cast<index_t>(x.size()) / x_width, heads, 16), tenon::full{}, tenon::scaled{.factor = 0.125f});
  return dense(mixed, heads * 16, p["cross_attn_output.weight"]);
}

std::map<std::string, std::vector<float>> projections(const auto& to) {
  return {{"cross_attn_q.weight", to.query}, {"cross_attn_k.weight", to.key}, {"cross_attn_v.weight", to.value}, {"cross_attn_output.weight", to.output}};
}

TEST_CASE("cross-modal attention learns, and tells its context") {
  for (const index_t tokens : {index_t{7}, many_tokens})
    check<tenon::cross_attention<crossed>>(1, [](const auto& to) { return projections(to); }, [](const parameters& p) { return cross(p["in"], width, p["context"], context_width, p, 6, 2); }, tokens);
}

TEST_CASE("the bridge learns, and tells its context") {
  const auto collect = [](const auto& to) {
    auto all = projections(to.attention);
    all["bridge_stream.weight"] = to.from_stream, all["bridge_context.weight"] = to.from_context, all["bridge_output.weight"] = to.back;
    return all;
  };
  for (const index_t tokens : {index_t{7}, many_tokens}) check<tenon::bridge<bridged>>(5, collect, [](const parameters& p) {
    return dense(cross(dense(p["in"], width, p["bridge_stream.weight"]), 32, dense(p["context"], context_width, p["bridge_context.weight"]), 32, p, 2, 2), 32, p["bridge_output.weight"]);
  }, tokens);
}

TEST_CASE("without a context nothing is added and nothing but the output product could learn") {
  using layer = tenon::cross_attention<crossed>;
  layer_weights<layer> w(9);
  constexpr index_t tokens = 7;
  layer_run<layer> run(w.packed(), tokens);
  const std::vector<float> in = random_floats(tokens * width, 10);
  std::vector<float> out(in.size()), in_gradient(in.size());
  layer::saved kept;
  layer::gradients to;
  const view<const float, 2> x(in.data(), tokens, width);
  layer::forward_saving(run.now(0, tokens), w.packed(), run.state(), kept, x, view<float, 2>(out.data(), tokens, width));
  layer::backward(run.now(0, tokens), w.packed(), kept, x, view<float, 2>(in_gradient.data(), tokens, width), to);
  for (std::size_t i = 0; i < out.size(); ++i) CHECK((out[i] == 0 && in_gradient[i] == 0));
}

}  // namespace
