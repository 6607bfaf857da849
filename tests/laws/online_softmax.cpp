// The state of softmax is a monoid: nothing changes it, order of merging does not matter beyond rounding, and merged parts are
// one pass. Merging with the identity is exact to the bit.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/shared/online_softmax.hpp>

namespace tenon {
namespace {

constexpr int count = 16;
using state = softmax_state<count>;

// A state with its sum of values: what a kernel carries along.
struct carried {
  state s;
  float sum[count];
};
carried identity() {
  carried out;
  out.s.clear();
  for (float& x : out.sum) x = 0;
  return out;
}
// Row r sees score and value of each pair, shifted by r.
carried over(const std::vector<std::pair<float, float>>& keys) {
  carried out = identity();
  for (const auto& [score, value] : keys) {
    row_values<count> seen, fade, weight;
    for (int r = 0; r < count; ++r) seen.at[r] = score + static_cast<float>(r);
    if (out.s.raise(seen, fade))
      for (int r = 0; r < count; ++r) out.sum[r] *= fade.at[r];
    for (int r = 0; r < count; ++r) {
      weight.at[r] = exp2(seen.at[r] * log2_e + out.s.reference.at[r]);
      out.sum[r] += weight.at[r] * value;
    }
    out.s.add(weight);
  }
  return out;
}
carried merged(carried a, const carried& b) {
  const merge_factors<count> by = a.s.merge(b.s);
  for (int r = 0; r < count; ++r) a.sum[r] = by.left.at[r] * a.sum[r] + by.right.at[r] * b.sum[r];
  return a;
}
void check_near(const carried& a, const carried& b) {
  row_values<count> fa, fb;
  a.s.finish(nullptr, fa);
  b.s.finish(nullptr, fb);
  for (int r = 0; r < count; ++r) {
    CHECK(std::fabs(a.sum[r] * fa.at[r] - b.sum[r] * fb.at[r]) <= 2e-6f);
    CHECK(a.s.log_sum_exp(r) == doctest::Approx(static_cast<double>(b.s.log_sum_exp(r))).epsilon(2e-6));
  }
}
std::vector<std::pair<float, float>> some_keys(std::mt19937& random, int keys) {
  std::normal_distribution<float> normal;
  std::vector<std::pair<float, float>> out;
  for (int i = 0; i < keys; ++i) out.emplace_back(random() % 7 == 0 ? -std::numeric_limits<float>::infinity() : 20 * normal(random), normal(random));
  return out;
}

}  // namespace

TEST_CASE("identity, to the bit") {
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const carried a = over(some_keys(random, 1 + i)), left = merged(identity(), a), right = merged(a, identity());
    for (const carried* same : {&left, &right}) {
      CHECK(std::memcmp(&same->s.top, &a.s.top, sizeof(a.s.top)) == 0);
      CHECK(std::memcmp(&same->s.total, &a.s.total, sizeof(a.s.total)) == 0);
      for (int r = 0; r < count; ++r) CHECK(same->sum[r] == a.sum[r]);
    }
  }
  const carried nothing = merged(identity(), identity());
  row_values<count> factor;
  nothing.s.finish(nullptr, factor);
  for (int r = 0; r < count; ++r) {
    CHECK(factor.at[r] == 0);
    CHECK(nothing.s.log_sum_exp(r) == -std::numeric_limits<float>::infinity());
  }
}

TEST_CASE("merged parts are one pass, in any grouping") {
  std::mt19937 random(2);
  for (int i = 0; i < 50; ++i) {
    const auto a = some_keys(random, i % 5), b = some_keys(random, 1 + i % 7), c = some_keys(random, 20);
    auto all = a;
    all.insert(all.end(), b.begin(), b.end());
    all.insert(all.end(), c.begin(), c.end());
    const carried once = over(all);
    check_near(merged(merged(over(a), over(b)), over(c)), once);
    check_near(merged(over(a), merged(over(b), over(c))), once);
  }
}

TEST_CASE("a sink joins the denominator once, whatever its size") {
  std::mt19937 random(3);
  for (const float logit : {-300.0f, -2.0f, 0.0f, 3.0f, 200.0f}) {
    const auto keys = some_keys(random, 12);
    const carried a = over(keys);
    float logits[count];
    for (float& x : logits) x = logit;
    row_values<count> factor;
    a.s.finish(logits, factor);
    for (int r = 0; r < count; ++r) {
      double top = static_cast<double>(logit), total = 0, sum = 0;
      for (const auto& key : keys) top = std::max(top, static_cast<double>(key.first) + r);
      for (const auto& [score, value] : keys) {
        const double w = std::exp(static_cast<double>(score) + r - top);
        total += w;
        sum += w * static_cast<double>(value);
      }
      total += std::exp(static_cast<double>(logit) - top);
      CHECK(std::fabs(static_cast<double>(a.sum[r] * factor.at[r]) - sum / total) <= 4e-6);
    }
  }
}

}  // namespace tenon
