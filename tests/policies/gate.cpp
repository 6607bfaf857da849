// Every gate against its formula in double through libm, its slopes against differences.

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

#include <tenon/policies/gate.hpp>

namespace {

using namespace tenon;

// A gate of a user's own, with slopes of its own.
struct doubling {
  template <number T>
  constexpr T open(T gate, T up) const {
    return gate + up;
  }
  template <class T>
  constexpr gate_slopes<T> slopes(T gate, T up) const {
    return {gate + up, T(7), T(8)};
  }
};

template <class Gate, class F>
void agrees(const Gate& gate, F&& formula) {
  for (double g = -9; g < 9; g += 0.37)
    for (double u = -9; u < 9; u += 0.71) {
      const double want = formula(g, u);
      CHECK(gate.open(g, u) == doctest::Approx(want).epsilon(1e-13).scale(1));
      CHECK(gate.open(static_cast<float>(g), static_cast<float>(u)) == doctest::Approx(formula(static_cast<float>(g), static_cast<float>(u))).epsilon(3e-6).scale(1));
      const double h = 1e-6;
      const auto s = slopes(gate, g, u);
      CHECK(s.value == gate.open(g, u));
      CHECK(s.gate == doctest::Approx((formula(g + h, u) - formula(g - h, u)) / (2 * h)).epsilon(1e-6).scale(1));
      CHECK(s.up == doctest::Approx((formula(g, u + h) - formula(g, u - h)) / (2 * h)).epsilon(1e-6).scale(1));
    }
}

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("each gate is its formula") {
  agrees(silu{}, [](double g, double u) { return g * sigma(g) * u; });
  agrees(swiglu{.hidden = 8}, [](double g, double u) { return g * sigma(g) * u; });
  agrees(gelu{}, [](double g, double u) { return g * 0.5 * (1 + std::erf(g / std::sqrt(2.0))) * u; });
  agrees(gelu_tanh{}, [](double g, double u) { return 0.5 * g * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (g + 0.044715 * g * g * g))) * u; });
  agrees(relu{}, [](double g, double u) { return std::fmax(g, 0) * u; });
  agrees(relu_squared{}, [](double g, double u) { return std::fmax(g, 0) * std::fmax(g, 0) * u; });
  agrees(sigmoid_gate{}, [](double g, double u) { return sigma(g) * u; });
  agrees(bilinear{}, [](double g, double u) { return g * u; });
  agrees(gated{.hidden = 8, .gate = relu{}}, [](double g, double u) { return std::fmax(g, 0) * u; });
  agrees(clamped_swiglu{.hidden = 8, .alpha = 1.75f, .limit = 7}, [](double g, double u) {
    g = std::fmin(g, 7.0);
    return g * sigma(1.75 * g) * (std::fmax(-7.0, std::fmin(u, 7.0)) + 1);
  });
}

TEST_CASE("a gate's own slopes are preferred") {
  const auto s = slopes(doubling{}, 1.0, 2.0);
  CHECK(s.value == 3);
  CHECK(s.gate == 7);
  CHECK(s.up == 8);
  CHECK(gate_like<doubling>);
  CHECK_FALSE(gate_like<int>);
}

TEST_CASE("saturated gates stay finite") {
  for (const float g : {-1e30f, -1e4f, 1e4f, 1e30f}) {
    CHECK(std::isfinite(silu{}.open(g, 1.0f)));
    CHECK(std::isfinite(gelu{}.open(g, 1.0f)));
    CHECK(std::isfinite(clamped_silu{}.open(g, 1.0f)));
  }
  CHECK(silu{}.open(-1e4f, 1.0f) == 0.0f);
  CHECK(gelu_tanh{}.open(1e4f, 1.0f) == 1e4f);
}
