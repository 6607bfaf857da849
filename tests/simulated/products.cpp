// Products as models call them on a GPU, executed on both architectures: several of one x, biases, onto what is there, gated; against the
// reference with operands rounded to bf16.
#include "device_case.hpp"

#include <tenon/kernels/reference/gate.hpp>
#include <tenon/kernels/reference/matmul.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

// A random matrix of floats, as a file has it and packed in memory of a machine.
template <class Machine>
struct weights {
  std::vector<float> all;
  stored_matrix stored;
  typename memory_on<Machine>::type memory;
  packed_matrix packed;
  weights(const Machine& machine, index_t rows, index_t depth, unsigned seed)
      : all(noise(rows * depth, seed)), stored{.rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(all.data())},
        memory(allocate(machine, packed_bytes(machine, storage::f32, compute::bf16, rows, depth), "weights", memory_use::constants)),
        packed(pack(machine, stored, compute::bf16, memory.data())) {}
  std::vector<double> times(const std::vector<float>& x, index_t tokens, const float* bias = nullptr) const {
    std::vector<double> out(static_cast<std::size_t>(tokens * stored.rows)), token(static_cast<std::size_t>(stored.columns));
    std::vector<float> row(static_cast<std::size_t>(stored.columns));
    reference::matmul(view<const float, 2>(x.data(), tokens, stored.columns), stored, compute::bf16, bias, view<double, 2>(out.data(), tokens, stored.rows), row.data(), token.data());
    return out;
  }
};

TEST_CASE("products of one x: a bias, a sum, depths that end anywhere") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    for (const auto& [tokens, depth] : {std::pair<index_t, index_t>{3, 61}, {130, 64}}) {
      CAPTURE(depth);
      const weights<machine_type> a(machine, 40, depth, 1), b(machine, 132, depth, 2);
      const auto x = noise(tokens * depth, 3), bias = noise(40, 4), before = noise(tokens * 132, 5);
      const device_numbers on_x(machine, x), on_bias(machine, bias), sum(machine, before);
      const device_numbers<machine_type, float> out(machine, static_cast<std::size_t>(tokens * 40));
      const device_numbers<machine_type, std::byte> scratch(machine, matmul_scratch(machine, tokens, depth));
      const product two[] = {{.weights = a.packed, .out = view<float, 2>(out.data(), tokens, 40), .bias = on_bias.data()},
                             {.weights = b.packed, .out = view<float, 2>(sum.data(), tokens, 132), .how = finish::add}};
      matmul(machine, view<const float, 2>(on_x.data(), tokens, depth), two, scratch.data());
      CHECK(apart(out.host(), a.times(x, tokens, bias.data())) < 1e-6);
      auto want = b.times(x, tokens);
      for (std::size_t i = 0; i < want.size(); ++i) want[i] += static_cast<double>(before[i]);
      CHECK(apart(sum.host(), want) < 1e-6);
    }
  });
}

TEST_CASE("a gated product, wider and narrower than its depth") {
  on_simulated_gpus([](const auto& machine) {
    using machine_type = std::remove_cvref_t<decltype(machine)>;
    for (const auto& [hidden, depth] : {std::pair<index_t, index_t>{100, 40}, {36, 72}}) {
      constexpr index_t tokens = 5;
      const weights<machine_type> gate(machine, hidden, depth, 1), up(machine, hidden, depth, 2);
      const auto x = noise(tokens * depth, 3);
      const device_numbers on_x(machine, x);
      const device_numbers<machine_type, float> out(machine, static_cast<std::size_t>(tokens * hidden));
      const device_numbers<machine_type, std::byte> scratch(machine, matmul_scratch(machine, tokens, depth > hidden ? depth : hidden));
      gated_matmul(machine, view<const float, 2>(on_x.data(), tokens, depth), gate.packed, up.packed, swiglu{}, view<float, 2>(out.data(), tokens, hidden), scratch.data());
      const auto opening = gate.times(x, tokens), opened = up.times(x, tokens);
      std::vector<double> want(opened.size());
      reference::open_gate(swiglu{}, view<const double, 2>(opening.data(), tokens, hidden), view<const double, 2>(opened.data(), tokens, hidden), view<double, 2>(want.data(), tokens, hidden));
      CHECK(apart(out.host(), want) < 2e-6);
    }
  });
}

TEST_CASE("shapes that do not fit are refused") {
  const simulated<sm80> machine;
  const weights<simulated<sm80>> w(machine, 8, 16, 1);
  const device_numbers<simulated<sm80>, float> x(machine, 16), out(machine, 16);
  const product wrong[] = {{.weights = w.packed, .out = view<float, 2>(out.data(), 1, 9)}};
  const product apart_from_16[] = {{.weights = w.packed, .out = view<float, 2>(out.data() + 1, 1, 8)}};
  const view<const float, 2> in(x.data(), 1, 16);
  CHECK_THROWS_WITH_AS(matmul(machine, in, wrong, nullptr), doctest::Contains("[matmul] out is [1, 9]"), error);
  const device_numbers<simulated<sm80>, std::byte> scratch(machine, matmul_scratch(machine, 1, 16));
  CHECK_THROWS_WITH_AS(matmul(machine, in, apart_from_16, scratch.data()), doctest::Contains("multiple of 16 bytes"), error);
}

}  // namespace
