// The sampler against a naive one in double: the tokens that the filters keep, how often each is drawn, and its faults.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include <tenon/runtime/sampling.hpp>

namespace {

using namespace tenon;

// Probabilities after the filters, in the documented order, by sorting everything in double.
std::vector<double> reference(const std::vector<float>& logits, const sampling& how, const std::vector<std::int32_t>& recent) {
  const std::size_t count = logits.size();
  std::vector<double> scaled(logits.begin(), logits.end());
  for (const std::int32_t token : std::set<std::int32_t>(recent.begin(), recent.end())) {
    double& l = scaled[static_cast<std::size_t>(token)];
    l = l > 0 ? l / static_cast<double>(how.repetition_penalty) : l * static_cast<double>(how.repetition_penalty);
  }
  for (double& l : scaled) l /= static_cast<double>(how.temperature);
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scaled[a] != scaled[b] ? scaled[a] > scaled[b] : a < b; });
  if (how.top_k > 0 && static_cast<std::size_t>(how.top_k) < count) order.resize(static_cast<std::size_t>(how.top_k));
  double total = 0;
  for (const std::size_t i : order) total += std::exp(scaled[i] - scaled[order[0]]);
  double mass = 0;
  std::vector<std::size_t> kept;
  for (const std::size_t i : order) {
    if (how.top_p < 1 && mass >= static_cast<double>(how.top_p)) break;
    const double p = std::exp(scaled[i] - scaled[order[0]]) / total;
    mass += p;
    if (p * total >= static_cast<double>(how.min_p)) kept.push_back(i);
  }
  double left = 0;
  for (const std::size_t i : kept) left += std::exp(scaled[i] - scaled[order[0]]);
  std::vector<double> out(count, 0.0);
  for (const std::size_t i : kept) out[i] = std::exp(scaled[i] - scaled[order[0]]) / left;
  return out;
}

TEST_CASE("weights are e^x, fall wherever x does, and end") {
  // Of every distance from the largest within one halving: scale makes units of 2^-25 of it.
  std::uint64_t before = full_weight;
  bool falls = true;
  double off = 0;
  for (std::uint32_t t = 0; t < 1u << 25; ++t) {
    const std::uint64_t weight = weight_of(-static_cast<float>(t), -1.0f);
    falls = falls && weight <= before;
    before = weight;
    if (t % 997 == 0) off = std::max(off, std::abs(static_cast<double>(weight) / static_cast<double>(full_weight) / std::exp2(-static_cast<double>(t) * 0x1p-25) - 1));
  }
  CHECK(falls);
  CHECK(before >= full_weight / 2);
  CHECK(weight_of(-0x1p25f, -1.0f) == full_weight / 2);
  CHECK(off < 3e-8);  // of which 2e-8 are distances that are no floats
  CHECK(weight_of(-40 * 0x1p25f, -1.0f) == 1);
  CHECK(weight_of(-40.5f * 0x1p25f, -1.0f) == 0);
  for (const float below : {-41 * 0x1p25f, -64 * 0x1p25f, -1e30f, -std::numeric_limits<float>::infinity()}) CHECK(weight_of(below, -1.0f) == 0);
  CHECK(weight_of(0.0f, -std::numeric_limits<float>::infinity()) == full_weight);
  const choice_rule rule = rule_of({.temperature = 0.7f}, 10);
  for (const float below : {-0.001f, -0.3f, -5.0f, -8.0f})
    CHECK(static_cast<double>(weight_of(below, rule.scale)) == doctest::Approx(0x1p40 * std::exp(static_cast<double>(below) / static_cast<double>(0.7f))).epsilon(2e-6));
}

TEST_CASE("the upper half of a product of 64 bits") {
  std::mt19937_64 random(3);
  __extension__ using wide = unsigned __int128;
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t a = i == 0 ? ~0ull : random() >> random() % 64, b = i < 2 ? ~0ull : random() >> random() % 64;
    CHECK(high_product(a, b) == static_cast<std::uint64_t>(static_cast<wide>(a) * b >> 64));
  }
}

std::vector<float> some_logits(int count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& v : out) v = normal(random);
  return out;
}

TEST_CASE("draws follow the reference's distribution, and only tokens that it keeps are drawn") {
  const auto logits = some_logits(37, 5);
  const std::vector<std::int32_t> recent = {3, 9, 3, 12};
  const sampling choices[] = {
      {.temperature = 1.0f},
      {.temperature = 0.6f, .top_k = 5},
      {.temperature = 1.3f, .top_p = 0.8f},
      {.temperature = 1.0f, .min_p = 0.1f},
      {.temperature = 1.5f, .top_k = 12, .top_p = 0.9f, .min_p = 0.05f, .repetition_penalty = 1.3f},
      {.temperature = 0.7f, .repetition_penalty = 0.5f},
      {.temperature = 1.0f, .top_k = 1},
      {.temperature = 1.0f, .top_p = 1e-6f},
      {.temperature = 1.0f, .min_p = 1.0f},
      {.temperature = 1.0f, .top_k = 1000},
  };
  for (sampling how : choices) {
    how.seed = 42;
    const auto want = reference(logits, how, recent);
    sampler draw(how, static_cast<int>(logits.size()));
    const int draws = 40000;
    std::vector<int> seen(logits.size());
    for (int i = 0; i < draws; ++i) ++seen[static_cast<std::size_t>(draw(logits.data(), recent))];
    double chi_square = 0;
    int cells = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (want[i] == 0) CHECK(seen[i] == 0);
      if (want[i] * draws < 5) continue;
      const double off = seen[i] - want[i] * draws;
      chi_square += off * off / (want[i] * draws);
      ++cells;
    }
    // Four standard deviations above the mean of the chi-square distribution.
    CHECK(chi_square < cells + 4 * std::sqrt(2.0 * cells));
  }
}

TEST_CASE("on a large vocabulary the same tokens are kept as by the reference") {
  const auto logits = some_logits(50000, 6);
  for (const sampling how : {sampling{.temperature = 0.8f, .top_p = 0.9f, .seed = 1}, sampling{.temperature = 1, .top_k = 300, .top_p = 0.95f, .seed = 2},
                             sampling{.temperature = 0.5f, .min_p = 0.02f, .seed = 3}, sampling{.temperature = 2, .top_p = 0.999f, .seed = 4}}) {
    const auto want = reference(logits, how, {});
    sampler draw(how, 50000);
    for (int i = 0; i < 50; ++i) CHECK(want[static_cast<std::size_t>(draw(logits.data(), {}))] > 0);
  }
}

TEST_CASE("temperature 0 takes the largest logit, ties to the lowest index, after the penalty") {
  std::vector<float> logits(100, -1.0f);
  logits[7] = logits[40] = 2.0f;
  logits[9] = 1.5f;
  CHECK(sampler({}, 100)(logits.data(), {}) == 7);
  const std::vector<std::int32_t> recent = {7, 7, 40, 1000, -3};
  CHECK(sampler({.repetition_penalty = 2.0f}, 100)(logits.data(), recent) == 9);
  CHECK(sampler({.repetition_penalty = 1.1f}, 100)(logits.data(), recent) == 7);  // once per token: 2 / 1.1 > 1.5 > 2 / 1.21 / 1.1
  std::vector<float> negative(20, -5.0f);
  negative[0] = -1.0f;
  const std::vector<std::int32_t> first = {0};
  CHECK(sampler({.repetition_penalty = 10.0f}, 20)(negative.data(), first) == 1);
}

TEST_CASE("equal logits: top_k keeps the lowest indices") {
  const std::vector<float> logits(64, 1.0f);
  sampler draw({.temperature = 1, .top_k = 3, .seed = 8}, 64);
  std::set<int> seen;
  for (int i = 0; i < 200; ++i) seen.insert(draw(logits.data(), {}));
  CHECK(seen == std::set<int>{0, 1, 2});
}

TEST_CASE("a seed is a sequence: the same again, another with another seed") {
  const auto logits = some_logits(1000, 7);
  const auto draw = [&](std::uint64_t seed) {
    sampler s({.temperature = 1.5f, .seed = seed}, 1000);
    std::vector<int> out;
    for (int i = 0; i < 30; ++i) out.push_back(s(logits.data(), {}));
    return out;
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
}

TEST_CASE("forbidden tokens are never drawn; extreme logits are") {
  std::vector<float> logits(33, -std::numeric_limits<float>::infinity());
  logits[5] = -1e30f;
  CHECK(sampler({.temperature = 1.0f, .top_p = 0.9f}, 33)(logits.data(), {}) == 5);
  CHECK(sampler({}, 33)(logits.data(), {}) == 5);
  logits[6] = 1e30f;
  for (std::uint64_t seed = 0; seed < 20; ++seed) CHECK(sampler({.temperature = 1e-20f, .seed = seed}, 33)(logits.data(), {}) == 6);
}

TEST_CASE("bad logits and bad choices are refused in one sentence") {
  for (const std::size_t at : {0u, 31u, 64u, 70u})
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      auto logits = some_logits(71, 9);
      logits[at] = bad;
      CHECK_THROWS_AS(sampler({}, 71)(logits.data(), {}), error);
      CHECK_THROWS_AS(sampler({.temperature = 1.0f}, 71)(logits.data(), {}), error);
    }
  const std::vector<float> none(8, -std::numeric_limits<float>::infinity());
  CHECK_THROWS_AS(sampler({}, 8)(none.data(), {}), error);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const sampling bad : {sampling{.temperature = -1}, sampling{.temperature = nan}, sampling{.top_k = -1}, sampling{.top_p = 0}, sampling{.top_p = 1.1f}, sampling{.min_p = -0.1f},
                             sampling{.min_p = 2}, sampling{.repetition_penalty = 0}, sampling{.repetition_penalty = nan}})
    CHECK_THROWS_AS(sampler(bad, 8), error);
  CHECK_THROWS_WITH_AS(sampler({}, 0), "[vocabulary] of sampling is 0: weights of 1 to 8388608 tokens are added up in 64 bits. Fix: pass the model's vocabulary.", error);
  CHECK_THROWS_WITH_AS(sampler({.top_p = 0}, 8), "[sampling.top_p] must lie in (0, 1]: it is a probability. Fix: 1 keeps all tokens.", error);
}

}  // namespace
