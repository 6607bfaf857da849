// The gradients of tri-attention against finite differences of its definition in double.
#include <tenon/model/attention/tri.hpp>

#include "../../support/layer_gradients.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48, length = 4;

struct segmented : attention_parts {
  static constexpr tenon::segment_spec segments{.length = length};
};
struct all_at_once : segmented {
  static constexpr auto mask = tenon::full{};
};
static_assert(tenon::trainable_layer<tenon::tri_attention<segmented>> && tenon::trainable_layer<tenon::tri_attention<all_at_once>>);

template <class Spec>
doubles oracle(const parameters& p) {
  const doubles& x = p["in"];
  const index_t tokens = static_cast<index_t>(x.size()) / width;
  doubles out(x.size());
  const auto rows = [&](index_t from, index_t step, index_t count) {
    doubles some;
    for (index_t i = 0; i < count; ++i) some.insert(some.end(), x.begin() + (from + i * step) * width, x.begin() + (from + i * step + 1) * width);
    return some;
  };
  const auto add = [&](const doubles& y, index_t from, index_t step) {
    for (std::size_t i = 0; i < y.size(); ++i) out[static_cast<std::size_t>(from + static_cast<index_t>(i) / width * step) * width + i % width] += y[i];
  };
  for (index_t first = 0; first < tokens; first += length) {
    const doubles own = rows(first, 1, std::min(length, tokens - first));
    add(dense(qkv(own, p, Spec::attention, width, 100, "spatial").attend(Spec::mask), 96, p["spatial_output.weight"]), first, 1);
    doubles mean(own.size()), sum(width);
    for (std::size_t i = 0; i < own.size(); ++i) mean[i] = (sum[i % width] += own[i]) / static_cast<double>(i / width + 1);
    if (std::is_same_v<decltype(Spec::mask), const tenon::full>)
      for (std::size_t i = 0; i < own.size(); ++i) mean[i] = sum[i % width] * width / static_cast<double>(own.size());
    add(dense(mean, width, p["channel.weight"], p["channel.bias"]), first, 1);
  }
  for (index_t place = 0; place < length; ++place)
    add(dense(qkv(rows(place, length, (tokens - place + length - 1) / length), p, Spec::attention, width, 100, "temporal").attend(Spec::mask), 96, p["temporal_output.weight"]), place, length);
  return out;
}

template <class Spec>
void check(unsigned seed, index_t tokens = 11) {
  using layer = tenon::tri_attention<Spec>;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 1), by = random_floats(tokens * width, seed + 2);
  const view<const float, 2> x(in.data(), tokens, width);
  layer_run<layer> run(w.packed(), tokens);
  std::vector<float> out(in.size()), in_gradient(in.size());
  typename layer::saved kept;
  typename layer::gradients to;
  layer::forward_saving(run.now(0, tokens), w.packed(), run.state(), kept, x, view<float, 2>(out.data(), tokens, width));
  CHECK(out == layer_run<layer>(w.packed(), tokens).forward(in, width, {std::min(tokens, tenon::block_tokens)}));
  layer::backward(run.now(0, tokens), w.packed(), kept, view<const float, 2>(by.data(), tokens, width), view<float, 2>(in_gradient.data(), tokens, width), to);
  std::map<std::string, std::vector<float>> found{{"in", in_gradient}, {"channel.weight", to.channel}, {"channel.bias", to.channel_bias}};
  const auto projections = [&](const std::string& part, const auto& of) {
    found[part + "_q.weight"] = of.query, found[part + "_k.weight"] = of.key, found[part + "_v.weight"] = of.value, found[part + "_output.weight"] = of.output;
  };
  projections("spatial", to.spatial), projections("temporal", to.temporal);
  check_gradients(in_double(w, in), found, [&](const parameters& p) { return dot(oracle<Spec>(p), by); });
}

TEST_CASE("tri-attention learns in all three parts") {
  check<segmented>(1);
  check<all_at_once>(2);
  check<segmented>(1, many_tokens);
}

}  // namespace
