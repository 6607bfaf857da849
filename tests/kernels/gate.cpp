// open_gate against the reference in double.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/gate.hpp>
#include <tenon/kernels/reference/gate.hpp>

namespace {

using namespace tenon;

template <class Gate>
double distance(const Gate& how, index_t tokens, index_t hidden, int threads) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0, 3);
  const auto count = static_cast<std::size_t>(tokens * hidden);
  std::vector<float> gate(count), up(count);
  for (std::size_t i = 0; i < count; ++i) gate[i] = normal(random), up[i] = normal(random);
  const std::vector<double> g(gate.begin(), gate.end()), u(up.begin(), up.end());
  std::vector<double> want(count);
  reference::open_gate(how, view<const double, 2>(g.data(), tokens, hidden), view<const double, 2>(u.data(), tokens, hidden), view<double, 2>(want.data(), tokens, hidden));
  const view<float, 2> in_place(gate.data(), tokens, hidden);
  open_gate(cpu{cpu_options{.threads = threads}}, how, in_place, view<const float, 2>(up.data(), tokens, hidden), in_place);
  double off = 0, all = 0;
  for (std::size_t i = 0; i < count; ++i) off += (gate[i] - want[i]) * (gate[i] - want[i]), all += want[i] * want[i];
  return std::sqrt(off / all);
}

TEST_CASE("every gate as a kernel is its double twin") {
  for (const int threads : {1, 3})
    for (const index_t hidden : {1, 15, 16, 100, 1536}) {
      CHECK(distance(silu{}, 9, hidden, threads) < 2e-7);
      CHECK(distance(swiglu{.hidden = hidden}, 9, hidden, threads) < 2e-7);
      CHECK(distance(gelu{}, 9, hidden, threads) < 2e-7);
      CHECK(distance(gelu_tanh{}, 9, hidden, threads) < 2e-7);
      CHECK(distance(relu{}, 9, hidden, threads) < 2e-7);
      CHECK(distance(relu_squared{}, 9, hidden, threads) < 2e-7);
      CHECK(distance(sigmoid_gate{}, 9, hidden, threads) < 2e-7);
      CHECK(distance(bilinear{}, 9, hidden, threads) < 2e-7);
      CHECK(distance(clamped_swiglu{.hidden = hidden}, 9, hidden, threads) < 2e-7);
    }
}

TEST_CASE("a gate per head") {
  constexpr index_t tokens = 7, heads = 3, dim = 24;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> gate(tokens * heads), x(tokens * heads * dim);
  for (auto* all : {&gate, &x})
    for (float& v : *all) v = normal(random);
  const std::vector<double> g(gate.begin(), gate.end());
  std::vector<double> want(x.begin(), x.end());
  reference::open_heads(sigmoid_gate{}, view<const double, 2>(g.data(), tokens, heads), view<double, 3>(want.data(), tokens, heads, dim));
  open_heads(cpu{}, sigmoid_gate{}, view<const float, 2>(gate.data(), tokens, heads), view<float, 3>(x.data(), tokens, heads, dim));
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(x[i] - want[i]) <= 3e-7 * std::abs(want[i]));
  CHECK_THROWS_AS(open_heads(cpu{}, sigmoid_gate{}, view<const float, 2>(gate.data(), heads, tokens), view<float, 3>(x.data(), tokens, heads, dim)), error);
}

}  // namespace
