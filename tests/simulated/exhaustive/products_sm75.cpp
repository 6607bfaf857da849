// Products as launch functions start them, on sm_75, which multiplies f16 alone.
#define TENON_TEST_ARCHS tenon::sm75
#include "../products_numbers.hpp"

#include <tenon/kernels/launch/nvidia/sm75.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("weights of any storage, few tokens and many") {
  on_simulated_gpus([](const auto& machine) { check_products_of_f16(machine); });
}

TEST_CASE("a gate, numbers beyond 65504, and e4m3") {
  const simulated<sm75> machine;
  const stored_weights<simulated<sm75>> gate(machine, storage::f32, compute::bf16, 40, 64, 0, 1), up(machine, storage::f32, compute::bf16, 40, 64, 0, 2);
  auto x = noise(9 * 64, 3);
  x[64] = 7e4f;
  const device_numbers on_x(machine, x);
  const device_numbers<simulated<sm75>, float> out(machine, 9 * 40), opening(machine, 9 * 40), opened(machine, 9 * 40);
  const device_numbers<simulated<sm75>, std::byte> scratch(machine, matmul_scratch(machine, 9, 64));
  const view<const float, 2> in(on_x.data(), 9, 64);
  gated_matmul(machine, in, gate.packed, up.packed, swiglu{}, view<float, 2>(out.data(), 9, 40), scratch.data());
  const product two[] = {{.weights = gate.packed, .out = view<float, 2>(opening.data(), 9, 40)}, {.weights = up.packed, .out = view<float, 2>(opened.data(), 9, 40)}};
  matmul(machine, in, two, scratch.data());
  open_gate(machine, swiglu{}, view<const float, 2>(opening.data(), 9, 40), view<const float, 2>(opened.data(), 9, 40), view<float, 2>(opened.data(), 9, 40));
  const auto got = out.host(), want = opened.host();
  for (std::size_t i = 0; i < got.size(); ++i) CHECK((got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))));
  CHECK(!std::isfinite(got[40]));
  CHECK(std::isfinite(got[0]));
  CHECK(machine.report().clean());
  CHECK_THROWS_WITH_AS(pack(machine, gate.stored, compute::e4m3, nullptr), doctest::Contains("[compute] is e4m3, for which sm_75 has no instruction"), error);
}

}  // namespace
