// Gradients and linear attention on a device, called as on a processor, against the references. For .cu and .hip files, which say before: `device`.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "../support/gpu_learned_case.hpp"
#include "../support/gpu_linear_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

/// What kernels and the host reach.
template <class T>
struct unified {
  decltype(std::declval<const device&>().array<T>(0)) memory;
  unified(std::size_t n, const char* called) : memory(device{0}.array<T>(static_cast<index_t>(n), placed::unified, called)) {}
  T* data() const { return memory.data(); }
  std::size_t size() const { return static_cast<std::size_t>(memory.size()); }
};

TEST_CASE("linear attention in waves: prompts, in pieces, token by token") {
  const std::vector<float> operands = wave_operands(2);
  const unified<float> memory(operands.size(), "the waves");
  std::copy(operands.begin(), operands.end(), memory.data());
  const auto waves = waves_over(memory.data(), 2);
  check_linear<bf16, float>(device{0}, {2, 4, 2, 70, 150}, 64, causal{}, waves);
  with_arch(device{0}, [&](const auto& gpu) { check_recurrent<bf16>(gpu, 6, 1, 64, {70, 1, 3, 1}, waves); });
}
TEST_CASE("linear attention: prompts, and gradients") {
  check_linear<bf16, float>(device{0}, {2, 4, 2, 70, 150}, 64, causal{}, elu_plus_one{});
  CHECK(linear_backward_distance<bf16, float>(device{0}, {1, 2, 1, 70, 100}, 64, causal{}, elu_plus_one{}) <= 7e-3);
}
TEST_CASE("linear attention: a prompt in pieces, then token by token") {
  with_arch(device{0}, [](const auto& gpu) { check_recurrent<bf16>(gpu, 6, 1, 64, {70, 1, 3, 1}); });
}

TEST_CASE("what a score learns: waves by distance, a bias by key, a task by query") {
  const backward_problem p = rounded_problem({2, 1, 64, 64}, 20, 150, 8);
  learned_chain<unified> chain(2, 20, 150);
  int turn = 0;
  check_learned(p, chain.operands(), causal{} & window{.width = 100}, chain.score(), sigmoid{.bias = -4.0f}, [](const auto& f) { f(device{0}), f(device{0}); }, [&](const auto&) { return turn++ == 0; });
}

}  // namespace

#include "device_main.hpp"
