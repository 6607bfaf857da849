// Gradients against finite differences of the reference's loss, sum of out times d_out: of q, k and v for the reference itself, and
// of every operand that a policy learns for the kernels.
#include "../support/learned_operands.hpp"

namespace tenon {
namespace {

using namespace testing;

/// A score of one's own with a learned temperature per head: its derivative depends on the score, so it hears of every one.
struct temperature {
  const float* values;
  float* d_values = nullptr;
  template <class T>
  constexpr T adjust(T s, position p) const {
    return s * T(values[p.head]);
  }
  static constexpr per learned = per::score;
  constexpr bool learning() const { return d_values != nullptr; }
  constexpr void learn(float s, float ds, position p) const { d_values[p.head] += ds * s; }
};

// Kernels' gradients of `operands`, which `score` and `weighting` send to `found`, for several numbers of threads.
template <class Mask, class Score, class Weighting>
void check_learned(const backward_problem& p, std::vector<std::pair<std::vector<float>*, std::vector<float>*>> operands, const Mask& mask, const Score& score, const Weighting& weighting) {
  std::vector<float> first;
  for (const int threads : {1, 3}) {
    for (auto& [values, found] : operands) found->assign(values->size(), 0.0f);
    gradients_of(cpu({.threads = threads}), p, mask, score, weighting, fixed_split{.length = 128});
    std::vector<float> all;
    for (auto& [values, found] : operands) all.insert(all.end(), found->begin(), found->end());
    if (first.empty()) first = all;
    CHECK(same_bits(first, all));
  }
  for (auto& [values, found] : operands) CHECK(distance(*found, slopes_of_loss(p, *values, mask, score, weighting)) <= 1e-5);
}

}  // namespace

TEST_CASE("the reference's gradients are those of its loss") {
  const backward_problem p({4, 2, 8, 16}, 6, 9, 3);
  const std::vector<float> logits = {0.5f, -1.0f, 2.0f, 0.0f};
  const auto check = [&](const auto& mask, const auto& score, const auto& weighting) {
    const wanted_gradients want = reference_gradients(p, mask, score, weighting);
    std::vector<double> q(p.q.begin(), p.q.end()), k(p.k.begin(), p.k.end()), v(p.v.begin(), p.v.end());
    const auto compare = [&](std::vector<double>& x, const std::vector<double>& gradient) {
      for (std::size_t i = 0; i < x.size(); i += 5) CHECK(std::fabs(difference(x[i], 1e-3, [&] { return loss(p, q, k, v, mask, score, weighting); }) - gradient[i]) <= 1e-9);
    };
    compare(q, want.q), compare(k, want.k), compare(v, want.v);
  };
  check(causal{}, scaled{}, softmax{});
  check(causal{} & window{.width = 4}, scaled{.factor = 0.3f} >> soft_cap{.cap = 2.0f}, sink{.logits = logits.data()});
  check(full{}, alibi{.heads = 4}, sigmoid{.bias = -1.0f});
}

TEST_CASE("learned operands") {
  const backward_problem p({4, 2, 8, 8}, 20, 150, 8);
  const index_t terms = 2;
  std::vector<float> cosine = numbers(static_cast<std::size_t>(4 * terms), 1), sine = numbers(static_cast<std::size_t>(4 * terms), 2), logits = numbers(4, 3), table = numbers(4 * 8, 4);
  std::vector<float> keys = numbers(150, 5), tasks = numbers(20 * 4, 6), warmth = {1.0f, 0.5f, 2.0f, 1.5f};
  std::vector<float> d_cosine, d_sine, d_logits(4), d_table(32), d_keys(150), d_tasks(80), d_warmth(4);
  d_cosine.resize(cosine.size()), d_sine.resize(sine.size());
  const fourier waves{.cosine = cosine.data(), .sine = sine.data(), .terms = 2, .d_cosine = d_cosine.data(), .d_sine = d_sine.data()};
  const sink sinks{.logits = logits.data(), .d_logits = d_logits.data()};
  SUBCASE("sinks and a chain: fourier, soft_cap, key_bias") {
    const auto score = waves >> soft_cap{.cap = 3.0f} >> key_bias{.values = keys.data(), .d_values = d_keys.data()};
    check_learned(p, {{&cosine, &d_cosine}, {&sine, &d_sine}, {&logits, &d_logits}, {&keys, &d_keys}}, causal{} & window{.width = 60}, score, sinks);
  }
  SUBCASE("relative_bias, of keys on both sides") {
    check_learned(p, {{&table, &d_table}}, full{}, relative_bias{.table = table.data(), .buckets = 8, .max_distance = 40, .d_table = d_table.data()}, softmax{});
  }
  SUBCASE("task acts under sigmoid") {
    check_learned(p, {{&tasks, &d_tasks}}, causal{}, task{.values = tasks.data(), .heads = 4, .first_query = 130, .d_values = d_tasks.data()}, sigmoid{.bias = -4.0f});
  }
  SUBCASE("task cancels under softmax") {
    const task encoding{.values = tasks.data(), .heads = 4, .first_query = 130, .d_values = d_tasks.data()};
    const found_gradients with = gradients_of(cpu(), p, causal{}, encoding), without = gradients_of(cpu(), p, causal{});
    CHECK(distance(with.out, {without.out.begin(), without.out.end()}) <= 1e-6);
    CHECK(distance(with.q, {without.q.begin(), without.q.end()}) <= 2e-6);
    for (const float x : d_tasks) CHECK(std::fabs(x) <= 2e-6f);
  }
  SUBCASE("a temperature of one's own, after waves") {
    check_learned(p, {{&warmth, &d_warmth}, {&sine, &d_sine}}, causal{}, waves >> temperature{.values = warmth.data(), .d_values = d_warmth.data()}, softmax{});
  }
}

}  // namespace tenon
