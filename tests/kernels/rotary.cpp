// rotate against the reference through libm, both pairings; and what a rotation must satisfy.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/rotary.hpp>
#include <tenon/kernels/launch/rotary_backward.hpp>
#include <tenon/kernels/reference/rotary.hpp>

namespace {

using namespace tenon;

std::vector<float> noise(index_t count) {
  std::mt19937 random(21);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& v : out) v = normal(random);
  return out;
}

double distance(float theta, index_t dims, pairing pairs, index_t tokens, index_t heads, index_t dim, index_t first, int threads) {
  auto x = noise(tokens * heads * dim);
  std::vector<double> want(x.begin(), x.end());
  reference::rotate(static_cast<double>(theta), dims == 0 ? dim : dims, pairs, view<double, 3>(want.data(), tokens, heads, dim), first);
  rotate(cpu{cpu_options{.threads = threads}}, rotary{.theta = theta, .dims = dims, .pairing = pairs}, view<float, 3>(x.data(), tokens, heads, dim), first);
  double off = 0, all = 0;
  for (std::size_t i = 0; i < x.size(); ++i) off += (x[i] - want[i]) * (x[i] - want[i]), all += want[i] * want[i];
  return std::sqrt(off / all);
}

TEST_CASE("rotate is the reference, near and far, both pairings, partial heads") {
  for (const auto pairs : {halves, interleaved})
    for (const int threads : {1, 2})
      for (const index_t first : {0, 1, 2047, 131000, 1'000'000}) {
        CHECK(distance(1e5f, 0, pairs, 70, 9, 64, first, threads) < 1.5e-7);
        CHECK(distance(1e4f, 0, pairs, 3, 2, 128, first, threads) < 1.5e-7);
        CHECK(distance(5e5f, 20, pairs, 5, 2, 80, first, threads) < 1.5e-7);
        CHECK(distance(1e4f, 0, pairs, 1, 1, 2, first, threads) < 1.5e-7);
      }
}

TEST_CASE("the scalar product of rotated vectors depends on the distance only") {
  const auto policy = rotary{.theta = 1e4f, .pairing = halves};
  const auto product = [&](index_t i, index_t j) {
    auto x = noise(2 * 64);
    rotate(cpu{}, policy, view<float, 3>(x.data(), 1, 1, 64), i);
    rotate(cpu{}, policy, view<float, 3>(x.data() + 64, 1, 1, 64), j);
    double sum = 0;
    for (std::size_t d = 0; d < 64; ++d) sum += static_cast<double>(x[d]) * static_cast<double>(x[64 + d]);
    return sum;
  };
  CHECK(product(5, 2) == doctest::Approx(product(1005, 1002)).epsilon(1e-5));
  CHECK(product(5, 2) != doctest::Approx(product(5, 3)).epsilon(1e-5));
}

TEST_CASE("token by token and in one block: the same bits") {
  auto whole = noise(64 * 3 * 32), single = whole;
  const auto policy = rotary{.theta = 1e4f, .pairing = interleaved};
  rotate(cpu{}, policy, view<float, 3>(whole.data(), 64, 3, 32), 100);
  for (index_t t = 0; t < 64; ++t) rotate(cpu{}, policy, view<float, 3>(single.data() + t * 96, 1, 3, 32), 100 + t);
  CHECK(whole == single);
}

TEST_CASE("no rotation leaves the values; yarn's amplitude scales them") {
  auto x = noise(64);
  const auto before = x;
  rotate(cpu{}, no_rotation{}, view<float, 3>(x.data(), 1, 1, 64), 5);
  CHECK(x == before);
  const auto stretched = rotary{.theta = 1e4f, .pairing = halves, .scaling = yarn{.factor = 40, .mscale = 1, .mscale_all_dim = 0}};
  rotate(cpu{}, stretched, view<float, 3>(x.data(), 1, 1, 64), 0);
  for (std::size_t i = 0; i < 64; ++i) CHECK(x[i] == doctest::Approx(before[i] * (0.1 * std::log(40.0) + 1)).epsilon(1e-6));
}

TEST_CASE("what does not fit is refused") {
  auto x = noise(64);
  CHECK_THROWS_AS(rotate(cpu{}, rotary{.dims = 96, .pairing = halves}, view<float, 3>(x.data(), 1, 1, 64), 0), error);
  CHECK_THROWS_AS(rotate(cpu{}, rotary{.pairing = halves}, view<float, 3>(x.data(), 1, 1, 64), -1), error);
}

TEST_CASE("the gradient turns backwards: <turn x, y> = <x, turn_backward y>") {
  constexpr index_t tokens = 5, heads = 2, dim = 16;
  const auto check = [](const auto& position) {
    std::mt19937 random(4);
    std::normal_distribution<float> normal;
    std::vector<float> x(tokens * heads * dim), y(x.size());
    for (auto* all : {&x, &y})
      for (float& v : *all) v = normal(random);
    std::vector<float> turned = x, back = y;
    rotate(cpu{}, position, view<float, 3>(turned.data(), tokens, heads, dim), 7);
    rotate_backward(cpu{}, position, view<float, 3>(back.data(), tokens, heads, dim), 7);
    double forward = 0, backward = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      forward += static_cast<double>(turned[i]) * static_cast<double>(y[i]);
      backward += static_cast<double>(x[i]) * static_cast<double>(back[i]);
    }
    CHECK(std::abs(forward - backward) < 1e-4);
  };
  check(rotary{.theta = 100, .pairing = halves});
  check(rotary{.theta = 100, .dims = 8, .pairing = interleaved});
  check(rotary{.theta = 100, .pairing = halves, .scaling = yarn{.factor = 4, .original = 64}});
  check(no_rotation{});
}

}  // namespace
