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

std::vector<std::int32_t> load_ids() {
  std::vector<std::int32_t> ids;
  for (const float id : load("ids")) ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

// q, k, v and the result as Number, against the definition of what is left of q, k and v; `theirs` is PyTorch's distance from it.
template <class Number, class Machine, class Mask, class Score = scaled, class Weighting = softmax>
void as_near(const Machine& machine, attention_problem p, const char* name, float theirs, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}) {
  CAPTURE(name);
  CAPTURE(theirs);
  const auto narrowed = [](std::vector<float>& x) {
    std::vector<Number> out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = Number(x[i]), x[i] = static_cast<float>(out[i]);
    return out;
  };
  const std::vector<Number> q = narrowed(p.q), k = narrowed(p.k), v = narrowed(p.v);
  std::vector<Number> result(p.outputs());
  const heads& s = p.shape;
  attend(machine, view<const Number, 4>(q.data(), 1, p.queries, s.query, s.dim), view<const Number, 4>(k.data(), 1, p.keys, s.kv, s.dim), view<const Number, 4>(v.data(), 1, p.keys, s.kv, s.dim_v),
         view<Number, 4>(result.data(), 1, p.queries, s.query, s.dim_v), mask, score, weighting);
  const double ours = distance(std::vector<float>(result.begin(), result.end()), reference_attend(p, mask, score, weighting));
  CHECK(ours <= 1.5 * static_cast<double>(theirs));
  constexpr double least = sizeof(Number) == 2 ? 1e-4 : 1e-8;
  CHECK((ours > least && static_cast<double>(theirs) > least));  // something was rounded, on both sides
}

template <class Number>
void all_as_near(const char* errors) {
  const std::vector<float> theirs = load(errors);
  REQUIRE(theirs.size() == 9);
  const attention_problem p = load_problem({6, 2, 16, 24}, 37, 50);
  const std::vector<float> sinks = load("sinks");
  const std::vector<std::int32_t> ids = load_ids();
  const cpu machine;
  as_near<Number>(machine, p, "causal", theirs[0], causal{});
  as_near<Number>(machine, p, "full", theirs[1], full{});
  as_near<Number>(machine, p, "window", theirs[2], causal{} & window{.width = 9});
  as_near<Number>(machine, p, "prefix", theirs[3], causal{} | prefix{.length = 20});
  as_near<Number>(machine, p, "document", theirs[4], causal{} & document{.ids = ids.data()});
  as_near<Number>(machine, p, "alibi", theirs[5], causal{}, alibi{.heads = 6});
  as_near<Number>(machine, p, "soft_cap", theirs[6], causal{}, soft_cap{.cap = 1.5f});
  as_near<Number>(machine, p, "sink", theirs[7], causal{}, scaled{}, sink{.logits = sinks.data()});
  as_near<Number>(machine, load_problem({2, 2, 192, 128}, 9, 9, "wide_"), "wide", theirs[8], causal{});
}

// Numbers that need no file, as the oracle counts them.
void count(std::vector<float>& to, std::uint64_t seed, float by) {
  for (std::uint64_t i = 0; i < to.size(); ++i) {
    auto x = static_cast<std::uint32_t>((i + seed * 0x9e3779b9u) * 2654435761u);
    x = (x ^ x >> 15) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    x ^= x >> 16;
    to[i] = by * (static_cast<float>(x >> 8) * 0x1p-23f - 1);
  }
}

template <class Number>
void long_as_near(const char* errors) {
  const std::vector<float> theirs = load(errors);
  REQUIRE(theirs.size() == 5);
  const int dims[] = {64, 128, 192, 256, 576};
  for (std::size_t i = 0; i < 5; ++i) {
    attention_problem p({4, 2, dims[i], dims[i]}, 500, 500, 0);
    count(p.q, 1, 3), count(p.k, 2, 1), count(p.v, 3, 1);
    as_near<Number>(cpu{}, p, "long", theirs[i], causal{});
  }
}

}  // namespace

TEST_CASE("in fp32 no further from the truth than 1.5 times PyTorch") { all_as_near<float>("fp32_errors"), long_as_near<float>("long_fp32_errors"); }
TEST_CASE("in bf16 no further from the truth than 1.5 times PyTorch") { all_as_near<bf16>("bf16_errors"), long_as_near<bf16>("long_bf16_errors"); }

TEST_CASE("PyTorch's attention") {
  const attention_problem p = load_problem({6, 2, 16, 24}, 37, 50);
  const std::vector<float> sinks = load("sinks");
  const std::vector<std::int32_t> ids = load_ids();
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
