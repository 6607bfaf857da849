// int8 activations with one scale per token on GPUs, executed on both architectures.
#include "device_case.hpp"

#include <limits>

#include <tenon/kernels/launch/gpu/quantise.hpp>
#include <tenon/kernels/reference/quantise.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("rows of any width, zeros, tiny ones, the greatest, NaN and infinity") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    for (const index_t width : {1, 15, 16, 100, 1024, 5003}) {
      CAPTURE(width);
      constexpr index_t tokens = 7;
      auto x = noise(tokens * width, static_cast<unsigned>(width));
      const auto row = [&](index_t t) { return x.begin() + t * width; };
      std::fill(row(1), row(2), 0.0f);
      std::fill(row(2), row(3), 0x1p-120f);
      for (auto at = row(3); at != row(4); ++at) *at *= 1e30f;
      *(row(5) - 1) = std::numeric_limits<float>::quiet_NaN();
      *row(5) = -std::numeric_limits<float>::infinity();
      const index_t stride = quantised_stride(width);
      const device_numbers on_x(machine, x);
      const device_numbers<machine_type, std::int8_t> out(machine, static_cast<std::size_t>(tokens * stride));
      const device_numbers<machine_type, float> scales(machine, tokens);
      quantise(machine, view<const float, 2>(on_x.data(), tokens, width), out.data(), scales.data());

      std::vector<std::int8_t> want(static_cast<std::size_t>(tokens * width));
      std::vector<double> of(tokens);
      tenon::reference::quantise(view<const float, 2>(x.data(), tokens, width), view<std::int8_t, 2>(want.data(), tokens, width), of.data());
      const auto got = out.host();
      const auto got_scales = scales.host();
      for (index_t t = 0; t < tokens; ++t) {
        CAPTURE(t);
        CHECK((std::isnan(of[static_cast<std::size_t>(t)]) ? std::isnan(got_scales[static_cast<std::size_t>(t)])
                                                           : std::abs(static_cast<double>(got_scales[static_cast<std::size_t>(t)]) / of[static_cast<std::size_t>(t)] - 1) < 1e-6));
        int off = 0, beyond = 0;
        for (index_t i = 0; i < stride; ++i) {
          const int q = got[static_cast<std::size_t>(t * stride + i)];
          if (i >= width)
            beyond += q != 0;
          else
            off = std::max(off, std::abs(q - want[static_cast<std::size_t>(t * width + i)]));
        }
        CHECK(off <= (t == 1 || t == 2 || t == 4 || t == 5 ? 0 : 1));  // a tie in double may be none in single precision
        CHECK(beyond == 0);
      }
    }
  });
}

TEST_CASE("most quanta are those of the definition") {
  const simulated<sm80> machine;
  constexpr index_t width = 4000;
  const auto x = noise(width, 9);
  const device_numbers on_x(machine, x);
  const device_numbers<simulated<sm80>, std::int8_t> out(machine, quantised_stride(width));
  const device_numbers<simulated<sm80>, float> scales(machine, 1);
  quantise(machine, view<const float, 2>(on_x.data(), 1, width), out.data(), scales.data());
  std::vector<std::int8_t> want(width);
  double scale = 0;
  tenon::reference::quantise(view<const float, 2>(x.data(), 1, width), view<std::int8_t, 2>(want.data(), 1, width), &scale);
  const auto got = out.host();
  int same = 0, greatest = 0;
  for (std::size_t i = 0; i < want.size(); ++i) same += got[i] == want[i], greatest = std::max(greatest, std::abs(int{got[i]}));
  CHECK(same >= width - 2);
  CHECK(greatest == 127);
  CHECK_THROWS_WITH_AS(quantise(machine, view<const float, 2>(on_x.data(), 1, width), out.data() + 1, scales.data()), doctest::Contains("multiple of 16 bytes"), error);
}

}  // namespace
