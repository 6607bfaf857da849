// Scores against their definitions: slopes of alibi, buckets of T5, derivatives by dual numbers against finite differences.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <tenon/policies/score.hpp>

namespace tenon {
namespace {

struct own_slope {
  template <class T>
  T adjust(T s, position) const {
    return s * s;
  }
  template <class T>
  T slope(T, position) const {
    return T(42);
  }
};

// T5's relative_position_bucket, in double.
int t5_bucket(int relative, bool both, int buckets, int max_distance) {
  int out = 0;
  if (both) {
    buckets /= 2;
    if (relative > 0) out += buckets;
    relative = std::abs(relative);
  } else {
    relative = relative < 0 ? -relative : 0;
  }
  const int exact = buckets / 2;
  if (relative < exact) return out + relative;
  const double far = std::log(static_cast<double>(relative) / exact) / std::log(static_cast<double>(max_distance) / exact) * (buckets - exact);
  return out + std::min(exact + static_cast<int>(far + 1e-6), buckets - 1);
}

}  // namespace

TEST_CASE("alibi's slopes, also where the heads are no power of two") {
  const alibi eight{.heads = 8}, twelve{.heads = 12};
  for (int h = 0; h < 8; ++h) {
    CHECK(static_cast<double>(eight.slope_of_head(h)) == doctest::Approx(std::pow(2.0, -(h + 1))));
    CHECK(static_cast<double>(twelve.slope_of_head(h)) == doctest::Approx(std::pow(2.0, -(h + 1))));
  }
  const double rest[] = {-0.5, -1.5, -2.5, -3.5};  // every other slope of sixteen heads
  for (int h = 8; h < 12; ++h) CHECK(static_cast<double>(twelve.slope_of_head(h)) == doctest::Approx(std::pow(2.0, rest[h - 8])));
  CHECK(eight.adjust(1.0f, {.query = 3, .key = 7}) == doctest::Approx(1.0 - 0.5 * 4));
}

TEST_CASE("T5's buckets") {
  const relative_bias both{.table = nullptr, .buckets = 32, .max_distance = 128}, backward{.table = nullptr, .buckets = 32, .max_distance = 128, .sides = direction::backward};
  for (int relative = -300; relative <= 300; ++relative) {
    CAPTURE(relative);
    CHECK(both.bucket(relative) == t5_bucket(relative, true, 32, 128));
    CHECK(backward.bucket(relative) == t5_bucket(relative, false, 32, 128));
  }
}

TEST_CASE("derivatives come from the value, or from a slope that is given") {
  std::vector<float> waves = {0.3f, -0.2f, 0.7f, 0.1f};
  const auto capped = scaled{.factor = 0.5f} >> soft_cap{.cap = 2.0f} >> fourier{.cosine = waves.data(), .sine = waves.data() + 2, .terms = 2};
  CHECK(factor_of(capped) == 0.5f);
  const position p{.query = 9, .key = 4};
  for (const double s : {-5.0, -0.3, 0.0, 1.1, 4.0}) {
    const double step = 1e-6, difference = (capped.adjust(s + step, p) - capped.adjust(s - step, p)) / (2 * step);
    CHECK(slope_of(capped, s, p) == doctest::Approx(difference).epsilon(1e-6));
  }
  double want = 2 * std::tanh(1.0);
  for (int f = 0; f < 2; ++f) want += static_cast<double>(waves[static_cast<std::size_t>(f)]) * std::cos(5 * std::pow(0.5, f)) + static_cast<double>(waves[static_cast<std::size_t>(2 + f)]) * std::sin(5 * std::pow(0.5, f));
  CHECK(capped.adjust(2.0, p) == doctest::Approx(want).epsilon(1e-9));
  CHECK(slope_of(own_slope{}, 1.0, p) == 42.0);
}

}  // namespace tenon
