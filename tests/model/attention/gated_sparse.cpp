// Gated sparse attention against the definition in double: which keys stay, what they weigh, what is counted.
#include <doctest/doctest.h>

#include <limits>
#include <memory>

#include <tenon/model/attention/gated_sparse.hpp>

#include "../../support/layer_runs.hpp"

namespace {

using namespace tenon_test;
constexpr index_t width = 48;

template <int Percent>
struct gated : attention_parts {
  static constexpr tenon::key_gate_spec key_gate{.threshold = 0.01f * Percent};
};
// A mask and a score that look at positions, which are not those of the kept keys.
struct windowed : gated<40> {
  static constexpr auto mask = tenon::causal{} & tenon::window{.width = 12};
  static constexpr auto score = tenon::scaled{.factor = 0.3f} >> tenon::alibi{.heads = 6};
};
static_assert(tenon::layer<tenon::gated_sparse_attention<windowed>>);

// Keeps the listed keys: all that the definition asks beside the spec's mask.
struct listed {
  const bool* kept;
  bool keep(tenon::position p) const { return kept[p.key]; }
};

template <class Spec>
index_t check(unsigned seed, index_t tokens) {
  using layer = tenon::gated_sparse_attention<Spec>;
  layer_weights<layer> w(seed);
  const std::vector<float> in = random_floats(tokens * width, seed + 100);
  const doubles x(in.begin(), in.end()), z = dense(x, width, w["attn_key_gate.weight"], w["attn_key_gate.bias"]);
  std::vector<float> log_gate;
  const auto kept = std::make_unique<bool[]>(static_cast<std::size_t>(tokens));
  index_t dropped = 0;
  for (std::size_t j = 0; j < z.size(); ++j) {
    REQUIRE(std::abs(logistic_of(z[j]) - Spec::key_gate.threshold) > 1e-6);  // near the threshold float and double may disagree
    log_gate.push_back(static_cast<float>(std::log(logistic_of(z[j]))));
    kept[j] = logistic_of(z[j]) >= Spec::key_gate.threshold;
    dropped += !kept[j];
  }
  const doubles mixed = qkv(x, w, Spec::attention, width, 100).attend(Spec::mask & listed{kept.get()}, Spec::score >> tenon::key_bias{.values = log_gate.data()});
  const doubles want = dense(mixed, 96, w["attn_output.weight"]);

  layer_run<layer> run(w.packed(), tokens);
  const std::vector<float> at_once = run.forward(in, width, {tokens});
  CHECK(apart(at_once, want) < 2e-6);
  const tenon::skipped_work& skipped = run.state().skipped;
  CHECK(skipped.keys == tokens);
  CHECK(skipped.keys_skipped == dropped);
  CHECK(skipped.cache_bytes_saved == static_cast<std::size_t>(dropped) * 2 * 2 * 16 * sizeof(float));
  CHECK(run.state().cache.length == tokens - dropped);

  layer_run<layer> in_parts(w.packed(), tokens);
  const std::vector<float> parts = in_parts.forward(in, width, {1, 8, 1, 3});
  CHECK(apart(parts, want) < 2e-6);
  // Cut back, and read again.
  const index_t back = tokens / 2;
  const std::vector<float> again = in_parts.forward(in, width, back, tokens - back);
  CHECK(std::equal(again.begin(), again.end(), parts.end() - (tokens - back) * width));
  CHECK(in_parts.state().cache.length == tokens - dropped);
  return dropped;
}

TEST_CASE("keys below the threshold are neither stored nor attended, the others weigh their gate") {
  for (const int tokens : {1, 20, 50}) {
    CHECK(check<gated<0>>(1, tokens) == 0);  // then it is attention with a bias per key
    CHECK(check<gated<100>>(2, tokens) == tokens);
    check<windowed>(4, tokens);
  }
  const index_t some = check<gated<40>>(3, 50);
  CHECK((some > 10 && some < 40));
}

TEST_CASE("where every key is dropped the layer adds nothing") {
  using layer = tenon::gated_sparse_attention<gated<100>>;
  layer_weights<layer> w(7);
  for (const float y : layer_run<layer>(w.packed(), 9).forward(random_floats(9 * width, 8), width, {4})) CHECK(y == 0);
}

TEST_CASE("a gate that is no number shows in the queries that see its key, one that is closed hides its key") {
  using layer = tenon::gated_sparse_attention<gated<40>>;
  layer_weights<layer> w(9);
  std::vector<float> in = random_floats(6 * width, 10);
  in[3 * width] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> out = layer_run<layer>(w.packed(), 6).forward(in, width, {6});
  for (index_t t = 0; t < 6; ++t) CHECK(std::isnan(out[static_cast<std::size_t>(t * width)]) == (t >= 3));
  w.at("attn_key_gate.bias")[0] = -std::numeric_limits<float>::infinity();
  for (const float y : layer_run<layer>(w.packed(), 6).forward(random_floats(6 * width, 11), width, {6})) CHECK(y == 0);
}

}  // namespace
