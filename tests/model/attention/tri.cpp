// Tri-attention and each of its three parts alone, against the definition in double.
#include <doctest/doctest.h>

#include <tenon/model/attention/tri.hpp>

#include "../../support/layer_runs.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48, length = 5;

struct segmented : attention_parts {
  static constexpr tenon::segment_spec segments{.length = length};
};
struct all_at_once : segmented {
  static constexpr auto mask = tenon::full{};
};
static_assert(tenon::layer<tenon::tri_attention<segmented>> && tenon::layer<tenon::tri_attention<all_at_once>>);

enum part { spatial = 1, temporal = 2, channel = 4 };

// x transposed: token p at place p % length of segment p / length, attended to place by place.
template <class Spec, class Weights>
doubles oracle(const doubles& x, const Weights& w, int parts) {
  const index_t tokens = static_cast<index_t>(x.size()) / width;
  doubles out(x.size());
  const auto add = [&](const doubles& y, index_t from, index_t step) {
    for (std::size_t i = 0; i < y.size(); ++i) out[static_cast<std::size_t>(from + static_cast<index_t>(i) / width * step) * width + i % width] += y[i];
  };
  const auto rows = [&](index_t from, index_t step, index_t count) {
    doubles some;
    for (index_t i = 0; i < count; ++i) some.insert(some.end(), x.begin() + (from + i * step) * width, x.begin() + (from + i * step + 1) * width);
    return some;
  };
  for (index_t segment = 0; segment * length < tokens; ++segment) {
    const index_t count = std::min(length, tokens - segment * length);
    const doubles own = rows(segment * length, 1, count);
    if ((parts & spatial) != 0) add(dense(qkv(own, w, Spec::attention, width, 100, "spatial").attend(Spec::mask), 96, w["spatial_output.weight"]), segment * length, 1);
    if ((parts & channel) == 0) continue;
    doubles mean(own.size()), sum(width);
    for (std::size_t i = 0; i < own.size(); ++i) mean[i] = (sum[i % width] += own[i]) / static_cast<double>(i / width + 1);
    if (std::is_same_v<decltype(Spec::mask), const tenon::full>)
      for (std::size_t i = 0; i < own.size(); ++i) mean[i] = sum[i % width] / static_cast<double>(count);
    add(dense(mean, width, w["channel.weight"], w["channel.bias"]), segment * length, 1);
  }
  if ((parts & temporal) != 0)
    for (index_t place = 0; place < std::min(length, tokens); ++place)
      add(dense(qkv(rows(place, length, (tokens - place + length - 1) / length), w, Spec::attention, width, 100, "temporal").attend(Spec::mask), 96, w["temporal_output.weight"]), place, length);
  return out;
}

template <class Spec>
void check(index_t tokens, int parts, unsigned seed) {
  CAPTURE(tokens);
  CAPTURE(parts);
  using layer = tenon::tri_attention<Spec>;
  layer_weights<layer> w(seed);
  for (const auto& [which, name] : {std::pair{spatial, "spatial_output.weight"}, {temporal, "temporal_output.weight"}, {channel, "channel.weight"}, {channel, "channel.bias"}})
    if ((parts & which) == 0) w.at(name).assign(w[name].size(), 0.f);
  w.pack_again();
  const std::vector<float> in = random_floats(tokens * width, seed + 100);
  const doubles want = oracle<Spec>(doubles(in.begin(), in.end()), w, parts);
  layer_run<layer> run(w.packed(), tokens);
  const std::vector<float> at_once = run.forward(in, width, {tokens});
  CHECK(apart(at_once, want) < 1e-6);
  if constexpr (std::is_same_v<Spec, segmented>) {
    CHECK(run.forward(in, width, {1, 7, 3}) == at_once);
    // Cut back to the start of a segment, and read again.
    const index_t back = tokens / 2 / length * length;
    const std::vector<float> again = run.forward(in, width, back, tokens - back);
    CHECK(std::equal(again.begin(), again.end(), at_once.begin() + back * width));
  }
}

TEST_CASE("tri-attention is its three parts, each alone and together") {
  for (const int tokens : {1, 4, 5, 23})
    for (const int parts : {1, 2, 4, 7}) {
      check<segmented>(tokens, parts, 1);
      check<all_at_once>(tokens, parts, 2);
    }
}

TEST_CASE("what cannot be seen is refused") {
  layer_weights<tenon::tri_attention<all_at_once>> w(3);
  layer_run<tenon::tri_attention<all_at_once>> run(w.packed(), 20);
  const std::vector<float> in = random_floats(20 * width, 4);
  CHECK_THROWS_AS(run.forward(in, width, {10}), tenon::error);
}

}  // namespace
