// Activations of 8 bits with one scale per 128 values of a token on GPUs, executed on both architectures.
#include "device_case.hpp"

#include <limits>

#include <tenon/kernels/launch/gpu/quantise.hpp>
#include <tenon/kernels/reference/quantise.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE_TEMPLATE("rows of any width, zeros, tiny ones, the greatest, NaN and infinity", Number, std::int8_t, e4m3) {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    for (const index_t width : {1, 15, 16, 100, 129, 1024, 2503}) {
      CAPTURE(width);
      constexpr index_t tokens = 7;
      auto x = noise(tokens * width, static_cast<unsigned>(width));
      const auto row = [&](index_t t) { return x.begin() + t * width; };
      std::fill(row(1), row(2), 0.0f);
      std::fill(row(2), row(3), 0x1p-120f);
      for (auto at = row(3); at != row(4); ++at) *at *= 1e30f;
      *(row(5) - 1) = std::numeric_limits<float>::quiet_NaN();
      *row(5) = -std::numeric_limits<float>::infinity();
      *(row(6) + width / 2) = std::numeric_limits<float>::max();
      const index_t stride = quantised_stride(width);
      const device_numbers on_x(machine, x);
      const device_numbers<machine_type, Number> out(machine, static_cast<std::size_t>(tokens * stride));
      const device_numbers<machine_type, float> scales(machine, static_cast<std::size_t>(tokens * scales_of(width)));
      quantise(machine, view<const float, 2>(on_x.data(), tokens, width), out.data(), scales.data());

      std::vector<Number> want(static_cast<std::size_t>(tokens * width));
      std::vector<double> of(static_cast<std::size_t>(tokens * ((width + 127) / 128)));
      tenon::reference::quantise(view<const float, 2>(x.data(), tokens, width), view<Number, 2>(want.data(), tokens, width), of.data());
      const auto got = out.host();
      const auto got_scales = scales.host();
      REQUIRE(got_scales.size() == of.size());
      for (std::size_t i = 0; i < of.size(); ++i) CHECK((std::isnan(of[i]) ? std::isnan(got_scales[i]) : std::abs(static_cast<double>(got_scales[i]) / of[i] - 1) < 1e-6));
      for (std::size_t t = 0; t < tokens; ++t) {
        CAPTURE(t);
        const auto at = got.begin() + static_cast<index_t>(t) * stride;
        const auto wanted = want.begin() + static_cast<index_t>(t) * width;
        CHECK(std::equal(at, at + width, wanted));
        CHECK(std::all_of(at + width, at + stride, [](Number n) { return n == Number{}; }));
      }
    }
  });
}

TEST_CASE("memory that is not aligned is refused") {
  const simulated<sm80> machine;
  CHECK_THROWS_WITH_AS(quantise(machine, view<const float, 2>(nullptr, 1, 4), reinterpret_cast<std::int8_t*>(1), nullptr), doctest::Contains("multiple of 16 bytes"), error);
}

}  // namespace
