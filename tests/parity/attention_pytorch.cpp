// Attention against values from PyTorch (tests/oracles/attention.py).
#include "../support/attention_problem.hpp"
#include "../support/npy.hpp"

namespace tenon {
namespace {

using namespace testing;

std::vector<float> load(const char* name) { return tenon_test::load_npy<float>(std::string("../parity/attention/") + name); }

attention_problem load_problem(heads shape, index_t queries, index_t keys, const std::string& prefix = "") {
  attention_problem p(shape, queries, keys, 0);
  p.q = load((prefix + "q").c_str()), p.k = load((prefix + "k").c_str()), p.v = load((prefix + "v").c_str());
  return p;
}

template <class Machine, class Mask, class Score = scaled, class Weighting = softmax>
void same(const Machine& machine, const attention_problem& p, const char* name, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}) {
  CAPTURE(name);
  const std::vector<float> wanted = load(name);
  REQUIRE(wanted.size() == p.outputs());
  const std::vector<double> want(wanted.begin(), wanted.end());
  CHECK(distance(attend_in_chunks<float>(machine, p, p.queries, mask, score, weighting), want) <= 1e-6);
}

}  // namespace

TEST_CASE("PyTorch's attention") {
  const attention_problem p = load_problem({6, 2, 16, 24}, 37, 50);
  const std::vector<float> sinks = load("sinks"), loaded_ids = load("ids");
  std::vector<std::int32_t> ids;
  for (const float id : loaded_ids) ids.push_back(static_cast<std::int32_t>(id));
  const cpu machine;
  same(machine, p, "causal", causal{});
  same(machine, p, "full", full{});
  same(machine, p, "window", causal{} & window{.width = 9});
  same(machine, p, "prefix", causal{} | prefix{.length = 20});
  same(machine, p, "document", causal{} & document{.ids = ids.data()});
  same(machine, p, "alibi", causal{}, alibi{.heads = 6});
  same(machine, p, "soft_cap", causal{}, soft_cap{.cap = 1.5f});
  same(machine, p, "sink", causal{}, scaled{}, sink{.logits = sinks.data()});
  same(machine, load_problem({2, 2, 192, 128}, 9, 9, "wide_"), "wide", causal{});
}

}  // namespace tenon
