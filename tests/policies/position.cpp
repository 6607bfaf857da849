// Frequencies against formulas in libm, and against published numbers of real models.

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

#include <tenon/policies/position.hpp>

namespace {

using namespace tenon;

constexpr double pi = 3.14159265358979323846;

TEST_CASE("plain frequencies are theta^(-2i/d)") {
  for (const float theta : {1e4f, 1e5f, 5e5f, 1e6f})
    for (const tenon::index_t dim : {2, 64, 80, 128})
      for (tenon::index_t pair = 0; pair < dim / 2; ++pair)
        CHECK(rotary{.theta = theta, .pairing = halves}.frequency(pair, dim) == doctest::Approx(std::pow(static_cast<double>(theta), -2.0 * static_cast<double>(pair) / static_cast<double>(dim))).epsilon(1e-14));
  constexpr auto partial = rotary{.theta = 1e4f, .dims = 32, .pairing = interleaved};
  CHECK(partial.turned(80) == 32);
  CHECK(partial.frequency(5, 80) == doctest::Approx(std::pow(1e4, -10.0 / 32)));
  CHECK(rotary{.pairing = halves}.turned(80) == 80);
}

// The three cases of Llama 3.1 (factor 8, low 1, high 4, original 8192, theta 5e5, head dim 128).
TEST_CASE("llama3 keeps short waves, stretches long ones, blends between") {
  constexpr auto policy = rotary{.theta = 5e5f, .pairing = halves, .scaling = llama3{.factor = 8, .low = 1, .high = 4, .original = 8192}};
  int kept = 0, stretched = 0, blended = 0;
  for (int pair = 0; pair < 64; ++pair) {
    const double plain = std::pow(5e5, -2.0 * pair / 128), wave = 2 * pi / plain, got = policy.frequency(pair, 128);
    if (wave < 8192.0 / 4) {
      ++kept;
      CHECK(got == doctest::Approx(plain).epsilon(1e-14));
    } else if (wave > 8192.0) {
      ++stretched;
      CHECK(got == doctest::Approx(plain / 8).epsilon(1e-14));
    } else {
      ++blended;
      const double t = (8192 / wave - 1) / 3;
      CHECK(got == doctest::Approx((1 - t) * plain / 8 + t * plain).epsilon(1e-14));
      CHECK(got < plain);
      CHECK(got > plain / 8);
    }
  }
  CHECK(kept == 29);
  CHECK(blended == 6);
  CHECK(stretched == 29);
  CHECK(policy.amplitude() == 1);
}

// DeepSeek-V3: 64 rotary features, factor 40, original 4096; the ramp runs from pair 10 to 23, the softmax scale is 0.1352338.
TEST_CASE("yarn is DeepSeek's") {
  constexpr auto v3 = rotary{.theta = 1e4f, .dims = 64, .pairing = interleaved, .scaling = yarn{.factor = 40, .original = 4096, .mscale = 1, .mscale_all_dim = 1}};
  for (int pair = 0; pair < 32; ++pair) {
    const double plain = std::pow(1e4, -2.0 * pair / 64), ramp = std::fmin(std::fmax((pair - 10.0) / 13, 0), 1);
    CHECK(v3.frequency(pair, 64) == doctest::Approx(plain / 40 * ramp + plain * (1 - ramp)).epsilon(1e-13));
  }
  CHECK(v3.amplitude() == doctest::Approx(1));
  CHECK(v3.score_factor() / std::sqrt(192.0) == doctest::Approx(0.1352338).epsilon(1e-6));
  constexpr yarn lite{.factor = 40, .original = 4096, .mscale = 0.707f, .mscale_all_dim = 0.707f};
  CHECK(lite.amplitude() == doctest::Approx(1));
  CHECK(lite.score_factor() / std::sqrt(192.0) == doctest::Approx(0.1147214).epsilon(1e-6));
  constexpr yarn none{.factor = 1, .mscale_all_dim = 1};
  CHECK(none.score_factor() == 1);
}

TEST_CASE("no rotation turns nothing") {
  CHECK(no_rotation{}.turned(128) == 0);
  CHECK(rotation_like<no_rotation>);
  CHECK_FALSE(rotation_like<int>);
}

// Facts of a spec at compile time.
static_assert(rotary{.theta = 1e4f, .pairing = halves}.frequency(0, 64) == 1.0);
static_assert(rotary{.pairing = interleaved}.pairing == interleaved && rotary{.pairing = interleaved}.pairing != halves);

}  // namespace
