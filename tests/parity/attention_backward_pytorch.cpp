// Gradients of attention against PyTorch's autograd (tests/oracles/attention_backward.py), those of learned operands among them.
#include "../support/attention_backward_problem.hpp"
#include "../support/npy.hpp"

namespace tenon {
namespace {

using namespace testing;

std::vector<float> load(const std::string& name) { return tenon_test::load_npy<float>("../parity/attention_backward/" + name); }

void near(const std::vector<float>& found, const std::string& name) {
  CAPTURE(name);
  const std::vector<float> wanted = load(name);
  REQUIRE(wanted.size() == found.size());
  CHECK(distance(found, {wanted.begin(), wanted.end()}) <= 1e-6);
}

template <class Mask, class Score = scaled, class Weighting = softmax>
void same(const backward_problem& p, const std::string& name, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}) {
  const found_gradients found = gradients_of(cpu(), p, mask, score, weighting);
  near(found.q, name + "_dq"), near(found.k, name + "_dk"), near(found.v, name + "_dv");
}

}  // namespace

TEST_CASE("PyTorch's gradients") {
  constexpr int terms = 3;
  backward_problem p({4, 2, 16, 8}, 20, 30, 0);
  p.q = load("q"), p.k = load("k"), p.v = load("v"), p.d_out = load("d_out");
  same(p, "causal", causal{} & window{.width = 100});
  same(p, "window", causal{} & window{.width = 9});
  same(p, "soft_cap", causal{}, soft_cap{.cap = 1.5f});

  const std::vector<float> sinks = load("sinks"), cosine = load("cosine"), sine = load("sine"), table = load("table");
  std::vector<float> d_sinks(4), d_cosine(4 * terms), d_sine(4 * terms), d_table(4 * 8);
  same(p, "sink", causal{}, scaled{}, sink{.logits = sinks.data(), .d_logits = d_sinks.data()});
  near(d_sinks, "sink_d_sinks");
  same(p, "fourier", causal{}, fourier{.cosine = cosine.data(), .sine = sine.data(), .terms = terms, .d_cosine = d_cosine.data(), .d_sine = d_sine.data()});
  near(d_cosine, "fourier_d_cosine"), near(d_sine, "fourier_d_sine");
  same(p, "relative_bias", causal{}, relative_bias{.table = table.data(), .buckets = 8, .max_distance = 20, .sides = direction::backward, .d_table = d_table.data()});
  near(d_table, "relative_bias_d_table");
}

}  // namespace tenon
