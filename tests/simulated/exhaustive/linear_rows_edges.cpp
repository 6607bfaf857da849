// Linear attention on GPUs over random exponentials, in waves too, on random shapes, and where something is missing or extreme.
#define TENON_TEST_ARCHS tenon::sm80, tenon::gfx942, tenon::gfx1100
#include "../../support/gpu_linear_case.hpp"
#include "../device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

/// Calls f(machine, of_size), where of_size(n) are n features whose directions the machine can read.
template <class F>
void over_directions(const F& f) {
  on_simulated_gpus([&](const auto& machine) {
    const device_numbers directions(machine, random_directions());
    f(machine, [&](int size) { return random_exponentials{.directions = directions.data(), .size = size}; });
  });
}

TEST_CASE("one feature, as many as a head has numbers, more: random shapes, heads of 128, full and padded masks") {
  const std::vector<std::int32_t> lengths{100, 37};
  std::mt19937 random(19);
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)) + 1; };
  std::vector<linear_sizes> all{{1, 1, 1, 1, 1}, {2, 4, 2, 64, 64}, {1, 1, 1, 90, 70}};
  for (int i = 0; i < 5; ++i) {
    const int kv = up_to(2);
    all.push_back({up_to(2), kv * up_to(3), kv, up_to(150), up_to(150)});
  }
  over_directions([&](const auto& machine, const auto& of_size) {
    for (const linear_sizes& s : all)
      for (const int size : {64, 65}) {
        check_linear<bf16, float>(machine, s, 64, causal{}, of_size(size));
        if (s.keys > 1) CHECK(linear_backward_distance<bf16, float>(machine, s, 64, causal{}, of_size(size)) <= 1e-2);  // the one weight of one key moves with nothing
      }
    CHECK(linear_distance<bf16, float>(machine, {1, 2, 1, 20, 90}, 64, full{}, of_size(1)) <= 5e-3);  // what one feature is rounded by nothing averages
    check_linear<f16, f16>(machine, {2, 4, 2, 40, 100}, 128, padding{lengths.data()}, of_size(200));
    CHECK(linear_backward_distance<f16, f16>(machine, {2, 4, 2, 40, 100}, 128, causal{} & padding{lengths.data()}, of_size(200)) <= 1e-2);
    check_recurrent<float>(machine, 6, 1, 128, {33, 1, 1, 2}, of_size(150));
    check_recurrent<bf16>(machine, 2, 2, 64, {300, 1, 20}, of_size(40));
    CHECK(machine.report().bank_conflicts == 0);
  });
}

TEST_CASE("in waves: prompts, from a state, gradients and what waves learn") {
  const std::vector<float> two = wave_operands(2);
  over_directions([&](const auto& machine, const auto& of_size) {
    const auto waves = waves_over(two.data(), 2, of_size(100));
    check_linear<bf16, float>(machine, {1, 4, 2, 20, 100}, 64, causal{}, waves);
    check_linear<f16, float>(machine, {1, 1, 1, 70, 40}, 128, causal{}, waves);
    check_recurrent<bf16>(machine, 5, 1, 64, {66, 1, 2, 1}, waves);
    const learned_distance off = waves_learned<host_array>(machine, {1, 2, 1, 30, 60}, 64, 2, nullptr, of_size(100));
    CHECK(off.gradients <= 1e-2);
    CHECK(off.operands <= 7e-3);
    CHECK(machine.report().bank_conflicts == 0);
  });
}

TEST_CASE("rows whose features vanish see nothing and have no gradient; hidden keys are nothing to others, whatever they hold") {
  const std::vector<std::int32_t> lengths{0, 40};
  over_directions([&](const auto& machine, const auto& of_size) {
    gpu_linear_case<float> c({2, 2, 1, 20, 40}, 64);
    for (std::size_t d = 0; d < 64; ++d) c.q[(20 + 5) * 2 * 64 + d] = 1000;  // of the second sequence, head 0
    c.answer(padding{lengths.data()}, of_size(100));
    std::fill(c.k.begin(), c.k.begin() + 40 * 64, NAN), std::fill(c.v.begin(), c.v.begin() + 40 * 64, INFINITY);
    auto out = unwritten<float>(c.q.size()), dq = out, dk = unwritten<float>(c.k.size()), dv = dk;
    const linear<random_exponentials> weighting{of_size(100)};
    attend(machine, c.queries(c.q), c.keys(c.k), c.keys(c.v), c.queries(out), padding{lengths.data()}, scaled{}, weighting);
    attend_backward(machine, {.q = c.queries(c.q), .k = c.keys(c.k), .v = c.keys(c.v), .out = {}, .log_sum_exp = {}, .d_out = c.queries(c.d_out)},
                    attention_gradients{.q = c.queries(dq), .k = c.keys(dk), .v = c.keys(dv)}, padding{lengths.data()}, scaled{}, weighting);
    for (std::size_t d = 0; d < 64; ++d) CHECK((out[(20 + 5) * 2 * 64 + d] == 0 && dq[(20 + 5) * 2 * 64 + d] == 0));
    CHECK(std::all_of(out.begin(), out.begin() + 20 * 2 * 64, [](float x) { return x == 0; }));
    CHECK(c.apart(out, c.want) <= 4e-3);
    CHECK(c.apart(dq, c.want_q) <= 1e-2);
    std::fill(dk.begin(), dk.begin() + 40 * 64, 0.0f);  // of hidden keys that are no numbers: neither are these
    CHECK(c.apart(dk, c.want_k) <= 1e-2);
    CHECK(c.apart(dv, c.want_v) <= 7e-3);
  });
}

}  // namespace
