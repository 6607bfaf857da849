// attend, called on a simulated GPU as on any machine.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/launch/simulated_attention.hpp>
#include <tenon/kernels/reference/attention.hpp>

#include "orders.hpp"

namespace {

using namespace tenon;

TEST_CASE_TEMPLATE("attend on a simulated GPU is the reference, from any number and any strides", Arch, sm75, sm80, sm90a, gfx90a, gfx942, gfx1100, gfx1201) {
  constexpr index_t batch = 2, queries = 20, keys = 75, heads = 4, kv_heads = 2, dim = 64;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> k(batch * keys * kv_heads * dim), v(k.size());
  std::vector<bf16> q(batch * queries * heads * dim), out(q.size());
  for (auto* all : {&k, &v})
    for (float& x : *all) x = static_cast<float>(bf16(normal(random)));
  std::vector<float> float_q;
  for (bf16& x : q) float_q.push_back(static_cast<float>(x = bf16(normal(random))));
  view<float, 4> keys_seen(k.data(), batch, keys, kv_heads, dim);  // heads outside of tokens
  keys_seen.stride[1] = dim, keys_seen.stride[2] = keys * dim;

  for (const testing::order& how : testing::orders) {
    const simulated<Arch> machine({.schedule = how.schedule, .seed = 5, .copies = how.copies});
    attend(machine, view(q.data(), batch, queries, heads, dim), keys_seen, view(v.data(), batch, keys, kv_heads, dim), view(out.data(), batch, queries, heads, dim), causal{});
    CAPTURE(machine.report().text());
    CHECK(machine.report().clean());
    double apart = 0, size = 0;
    for (index_t b = 0; b < batch; ++b) {
      std::vector<double> want(queries * heads * dim);
      reference::attend<float>(view(float_q.data(), batch, queries, heads, dim)[b], keys_seen[b], view(v.data(), batch, keys, kv_heads, dim)[b], view(want.data(), queries, heads, dim),
                               causal{}, scaled{});
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double got = static_cast<double>(static_cast<float>(out[static_cast<std::size_t>(b) * want.size() + i]));
        apart += (got - want[i]) * (got - want[i]), size += want[i] * want[i];
      }
    }
    CHECK(std::sqrt(apart / size) <= 5e-3);
  }
}

TEST_CASE("the log of the softmax's denominator, without its sink, is the processor's") {
  constexpr index_t queries = 9, keys = 40, heads = 2, dim = 64;
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<bf16> q(queries * heads * dim), k(keys * heads * dim), v(k.size());
  for (auto* all : {&q, &k, &v})
    for (bf16& x : *all) x = bf16(normal(random));
  const float logits[heads] = {1.5f, -0.5f};
  std::vector<float> out(q.size()), sums(queries * heads), want_out(q.size()), want(sums.size());
  const auto run = [&](const auto& machine, std::vector<float>& to, std::vector<float>& log_sum_exp) {
    attend(machine, view(q.data(), 1, queries, heads, dim), view(k.data(), 1, keys, heads, dim), view(v.data(), 1, keys, heads, dim), view(to.data(), 1, queries, heads, dim), causal{}, scaled{},
           sink{.logits = logits}, fixed_split{}, view(log_sum_exp.data(), 1, queries, heads));
  };
  const simulated<sm80> machine;
  run(machine, out, sums);
  CHECK(machine.report().clean());
  run(cpu(), want_out, want);
  for (std::size_t i = 0; i < sums.size(); ++i) CHECK(std::fabs(sums[i] - want[i]) <= 1e-4f);
  for (std::size_t i = 0; i < out.size(); ++i) CHECK(std::fabs(out[i] - want_out[i]) <= 2e-2f);
}

TEST_CASE("under sigmoid, which has no denominator, log_sum_exp stays as it was, as on a processor") {
  std::vector<bf16> x(8 * 64, bf16(0.5f));
  std::vector<float> out(x.size());
  const auto four = [](auto& of) { return view<std::remove_reference_t<decltype(of[0])>, 4>(of.data(), 1, 8, 1, 64); };
  const auto run = [&](const auto& machine) {
    std::vector<float> sums(8, 7.0f);
    attend(machine, four(x), four(x), four(x), four(out), causal{}, scaled{}, sigmoid{.bias = -2}, fixed_split{}, view<float, 3>(sums.data(), 1, 8, 1));
    for (const float sum : sums) CHECK(sum == 7.0f);
  };
  run(cpu());
  run(simulated<sm80>());
}

TEST_CASE("shapes that do not fit are refused") {
  const simulated<sm80> machine;
  std::vector<float> some(4 * 64);
  const view<float, 4> q(some.data(), 1, 1, 3, 64), k(some.data(), 1, 1, 2, 64), narrow(some.data(), 1, 1, 1, 32);
  CHECK_THROWS_WITH_AS(attend(machine, narrow, narrow, narrow, narrow, causal{}), doctest::Contains("64 or 128"), error);
  CHECK_THROWS_WITH_AS(attend(machine, q, k, k, q, causal{}), doctest::Contains("must divide the 3 query heads"), error);
  CHECK_THROWS_WITH_AS(attend(machine, q, q, k, q, causal{}), doctest::Contains("[k, v]"), error);
  CHECK_THROWS_WITH_AS(attend(machine, q, q, q, k, causal{}), doctest::Contains("[out]"), error);
}

}  // namespace
