// Linear attention on GPUs, called as on a processor: prompts, sequences continued from a state of constant size, and gradients, against the reference in
// double. Breaks, and other architectures: exhaustive/linear_attention_*.cpp.
#include "../support/gpu_linear_case.hpp"
#include "device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("prompts, of any number, against the reference") {
  on_simulated_gpus([](const auto& machine) {
    for (const linear_sizes s : {linear_sizes{1, 1, 1, 1, 1}, {2, 4, 2, 64, 64}, {1, 1, 1, 20, 150}, {1, 1, 1, 90, 70}}) check_linear<bf16, float>(machine, s, 64, causal{}, elu_plus_one{});
    check_linear<float, bf16>(machine, {1, 1, 1, 70, 100}, 64, causal{}, elu_plus_one{});
    check_linear<f16, f16>(machine, {1, 2, 1, 40, 70}, 128, causal{}, elu_plus_one{});
  });
}

TEST_CASE("a prompt in pieces, then token by token, and pieces again") {
  on_simulated_gpus([](const auto& machine) {
    check_recurrent<bf16>(machine, 6, 1, 64, {70, 1, 1, 2, 9, 1});
    CHECK(machine.report().bank_conflicts == 0);
  });
}

TEST_CASE("waves: weights that know the distance, and may all but vanish, in prompts and from a state") {
  const std::vector<float> operands = wave_operands(1);
  const auto waves = waves_over(operands.data(), 1);
  on_simulated_gpus([&](const auto& machine) {
    for (const linear_sizes s : {linear_sizes{1, 4, 2, 20, 100}, {1, 1, 1, 70, 40}}) check_linear<bf16, float>(machine, s, 64, causal{}, waves);
    check_recurrent<bf16>(machine, 5, 1, 64, {66, 1, 2, 1}, waves);
    CHECK(machine.report().bank_conflicts == 0);
  });
}

TEST_CASE("gradients, with the same bits whatever the order of warps") {
  std::vector<float> first;
  on_simulated_gpus([&](const auto& machine) {
    std::vector<float> bits;
    for (const linear_sizes s : {linear_sizes{1, 2, 1, 37, 150}, {2, 1, 1, 90, 20}}) CHECK(linear_backward_distance<bf16>(machine, s, 64, causal{}, elu_plus_one{}, &bits) <= 7e-3);  // dq is what is left of sums that cancel
    CHECK(machine.report().bank_conflicts == 0);
    if (machine.how().schedule == simulation::schedule::reversed) first = bits;
    CHECK(first == bits);
  });
}

TEST_CASE("gradients of waves, and what they learn, with the same bits whatever the order of warps") {
  std::vector<float> first;
  on_simulated_gpus([&](const auto& machine) {
    std::vector<float> bits;
    const learned_distance off = waves_learned<host_array>(machine, {1, 2, 1, 12, 70}, 64, 1, &bits);
    CHECK(off.gradients <= 7e-3);
    CHECK(off.operands <= 7e-3);
    CHECK(machine.report().bank_conflicts == 0);
    if (machine.how().schedule == simulation::schedule::reversed) first = bits;
    CHECK(first == bits);
  });
}

TEST_CASE("what a GPU does not take is refused in one sentence") {
  const simulated<sm80> machine;
  std::vector<float> some(128 * 4);
  const auto said = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const error& fault) {
      return fault.what();
    }
    return {};
  };
  const auto four = [&](index_t heads, index_t dim) { return view<float, 4>(some.data(), 1, 1, heads, dim); };
  const linear weighting{.features = elu_plus_one{}};
  CHECK(said([&] { attend(machine, four(1, 32), four(1, 32), four(1, 32), four(1, 32), causal{}, scaled{}, weighting); }) ==
        "[q, v] of linear attention have heads of 32 and 32: on sm_80 both are 64 or both 128. Fix: pad the heads.");
  CHECK(said([&] { attend(machine, four(1, 64), four(1, 64), four(1, 128), four(1, 128), causal{}, scaled{}, weighting); }).starts_with("[q, v] of linear attention have heads of 64 and 128"));
  CHECK(said([&] { attend(machine, four(3, 64), four(2, 64), four(2, 64), four(3, 64), causal{}, scaled{}, weighting); }).starts_with("[k] has 2 heads"));
  view<float, 3> odd(some.data() + 1, 1, 1, 64);
  CHECK(said([&] { attend_recurrent(machine, odd, odd, odd, odd, weighting, nullptr, 0, nullptr); }).starts_with("[q, k, v, out] of attend_recurrent must be dense in their last axis, rows at multiples of 16"));
  const view<float, 3> one(some.data(), 1, 1, 64), two(some.data(), 2, 1, 64);
  CHECK(said([&] { attend_recurrent(machine, one, two, two, one, weighting, nullptr, 0, nullptr); }).starts_with("[q, k, v, out] of attend_recurrent must hold the same 1 tokens"));
}

}  // namespace
