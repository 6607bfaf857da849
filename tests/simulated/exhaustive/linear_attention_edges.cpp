// Linear attention on GPUs where something is missing or extreme, and on random shapes.
#define TENON_TEST_ARCHS tenon::sm80, tenon::gfx1100
#include "../../support/gpu_linear_case.hpp"
#include "../device_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

TEST_CASE("the same calls on a processor") {
  const linear_sizes s{2, 4, 2, 70, 150};
  CHECK(linear_distance<bf16, float>(cpu(), s, 64, causal{}, elu_plus_one{}) <= 1e-5);
  CHECK(linear_backward_distance<bf16, float>(cpu(), s, 64, causal{}, elu_plus_one{}) <= 1e-5);
  const learned_distance off = waves_learned<host_array>(cpu(), s, 64, 1);
  CHECK(off.gradients <= 1e-5);
  CHECK(off.operands <= 1e-4);  // of finite differences
}

TEST_CASE("random shapes: prompts and gradients") {
  std::mt19937 random(17);
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)) + 1; };
  std::vector<linear_sizes> all;
  for (int i = 0; i < 12; ++i) {
    const int kv = up_to(2);
    all.push_back({up_to(2), kv * up_to(3), kv, up_to(150), up_to(150)});
  }
  on_simulated_gpus([&](const auto& machine) {
    for (const linear_sizes& s : all) {
      check_linear<bf16, float>(machine, s, 64, causal{}, elu_plus_one{});
      if (s.keys > 1) CHECK(linear_backward_distance<bf16, float>(machine, s, 64, causal{}, elu_plus_one{}) <= 1e-2);  // the one weight of one key moves with nothing
    }
  });
}

TEST_CASE("waves of one term and of five on random shapes, prompts longer than a piece, full and padded masks, heads of 128") {
  const std::vector<float> one = wave_operands(1), five = wave_operands(5);
  const std::vector<std::int32_t> lengths{100, 37};
  std::mt19937 random(18);
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)) + 1; };
  std::vector<linear_sizes> all{{1, 1, 1, 1, 1}, {2, 4, 2, 64, 64}, {1, 6, 1, 20, 150}, {1, 1, 1, 90, 70}};
  for (int i = 0; i < 6; ++i) {
    const int kv = up_to(2);
    all.push_back({up_to(2), kv * up_to(3), kv, up_to(150), up_to(150)});
  }
  on_simulated_gpus([&](const auto& machine) {
    for (const linear_sizes& s : all) {
      check_linear<bf16, float>(machine, s, 64, causal{}, waves_over(one.data(), 1));
      check_linear<float, bf16>(machine, s, 64, full{}, waves_over(five.data(), 5));
    }
    check_linear<f16, f16>(machine, {2, 4, 2, 40, 100}, 128, padding{lengths.data()}, waves_over(five.data(), 5));
    check_linear<bf16, bf16>(machine, {1, 2, 1, 70, 130}, 128, causal{} & padding{lengths.data()}, waves_over(five.data(), 5));
    check_recurrent<bf16>(machine, 2, 2, 64, {300, 1, 20}, waves_over(one.data(), 1));
    check_recurrent<float>(machine, 6, 1, 128, {33, 1, 1, 2}, waves_over(five.data(), 5));
    CHECK(machine.report().bank_conflicts == 0);
  });
}

TEST_CASE("gradients of waves and what they learn: groups, a batch, heads of 128, keys that are hidden") {
  const std::vector<float> two = wave_operands(2);
  const std::vector<std::int32_t> lengths{100, 37};
  on_simulated_gpus([&](const auto& machine) {
    for (const linear_sizes s : {linear_sizes{1, 2, 1, 90, 60}, {2, 2, 1, 89, 60}, {1, 4, 2, 60, 60}}) {
      CAPTURE(s.batch);
      CAPTURE(s.heads);
      const learned_distance off = waves_learned<host_array>(machine, s, 64, 2);
      CHECK(off.gradients <= 1e-2);
      CHECK(off.operands <= 7e-3);
    }
    CHECK(linear_backward_distance<f16, f16>(machine, {2, 4, 2, 40, 100}, 128, padding{lengths.data()}, waves_over(two.data(), 2)) <= 7e-3);
    CHECK(linear_backward_distance<bf16, float>(machine, {1, 2, 1, 30, 70}, 64, full{}, waves_over(two.data(), 2)) <= 7e-3);
    CHECK(linear_backward_distance<bf16, float>(machine, {1, 1, 1, 90, 20}, 64, causal{}, waves_over(two.data(), 2)) <= 7e-3);
    CHECK(machine.report().bank_conflicts == 0);
  });
}

TEST_CASE("waves that are none: the weights of the features alone; values of 1e4") {
  const std::vector<float> none(24), some = wave_operands(2);
  on_simulated_gpus([&](const auto& machine) {
    gpu_linear_case<float> c({1, 2, 1, 70, 70}, 64);
    for (float& x : c.v) x *= 1e4f;
    for (const float* operands : {none.data(), some.data()}) {
      auto out = unwritten<float>(c.q.size());
      const auto waves = waves_over(operands, 2);
      c.answer(causal{}, waves);
      attend(machine, c.queries(c.q), c.keys(c.k), c.keys(c.v), c.queries(out), causal{}, scaled{}, linear{.features = waves});
      CHECK(c.apart(out, c.want) <= 4e-3);
    }
    auto floorless = waves_over(none.data(), 2);  // no weight at all
    floorless.floor = 0;
    auto out = unwritten<float>(c.q.size());
    attend(machine, c.queries(c.q), c.keys(c.k), c.keys(c.v), c.queries(out), causal{}, scaled{}, linear{.features = floorless});
    CHECK(std::all_of(out.begin(), out.end(), [](float x) { return x == 0; }));
  });
}

TEST_CASE("a sequence far from its start: the wave of position 1,000,000 is as good as that of 0") {
  constexpr int tokens = 40, dim = 64;
  constexpr index_t away = 1000000;
  const std::vector<float> operands = wave_operands(3);
  const linear weighting{.features = waves_over(operands.data(), 3)};
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    gpu_linear_case<float> c({1, 1, 1, tokens, tokens}, dim);
    c.answer(causal{}, weighting.features);
    const tenon::heads shape{1, 1, dim, dim};
    const device_numbers<Machine, float> q(machine, c.q), k(machine, c.k), v(machine, c.v), out(machine, c.q.size());
    const std::size_t bytes = linear_state_bytes(machine, shape, weighting);
    std::vector<std::int32_t> empty(bytes / 4);  // of no sum, but told that it holds the tokens before
    std::fill(empty.end() - 16, empty.end(), std::int32_t{away});
    const device_numbers<Machine, std::int32_t> state(machine, empty);
    const auto scratch = allocate(machine, linear_scratch(machine, shape, weighting), "scratch");
    const auto rows = [&](const auto& of, index_t first, index_t count) { return view<float, 3>(of.data() + first * dim, count, 1, dim); };
    for (const auto& [first, count] : {std::pair<index_t, index_t>{0, 30}, {30, 1}, {31, 9}})
      attend_recurrent(machine, rows(q, first, count), rows(k, first, count), rows(v, first, count), rows(out, first, count), weighting, reinterpret_cast<std::byte*>(state.data()), away + first,
                       scratch.data());
    await(machine);
    CHECK(c.apart(out.host(), c.want) <= 4e-3);
  });
}

TEST_CASE("relu over the keys that padding leaves; heads of 128, in f16") {
  const std::vector<std::int32_t> lengths{100, 37};
  on_simulated_gpus([&](const auto& machine) {
    check_linear<f16, f16>(machine, {2, 4, 2, 40, 100}, 128, padding{lengths.data()}, relu_features{});
  });
}

TEST_CASE("queries without features give 0 and have no gradient; values of 1e4") {
  on_simulated_gpus([](const auto& machine) {
    gpu_linear_case<float> c({1, 1, 1, 70, 70}, 64);
    for (int d = 0; d < 64; ++d) c.q[static_cast<std::size_t>(5 * 64 + d)] = -1;
    for (float& x : c.v) x *= 1e4f;
    c.answer(causal{}, relu_features{});
    auto out = unwritten<float>(c.q.size()), dq = out, dk = unwritten<float>(c.k.size()), dv = dk;
    const linear<relu_features> weighting{};
    attend(machine, c.queries(c.q), c.keys(c.k), c.keys(c.v), c.queries(out), causal{}, scaled{}, weighting);
    attend_backward(machine, {.q = c.queries(c.q), .k = c.keys(c.k), .v = c.keys(c.v), .out = {}, .log_sum_exp = {}, .d_out = c.queries(c.d_out)},
                    attention_gradients{.q = c.queries(dq), .k = c.keys(dk), .v = c.keys(dv)}, causal{}, scaled{}, weighting);
    CHECK(c.apart(out, c.want) <= 4e-3);
    CHECK(c.apart(dq, c.want_q) <= 7e-3);
    CHECK(c.apart(dk, c.want_k) <= 7e-3);
    CHECK(c.apart(dv, c.want_v) <= 7e-3);
    for (std::size_t d = 0; d < 64; ++d) CHECK((out[5 * 64 + d] == 0 && dq[5 * 64 + d] == 0));
  });
}

TEST_CASE("a sequence without keys, and one all of whose keys padding hides: zeros") {
  const std::vector<std::int32_t> lengths{0, 40};
  on_simulated_gpus([&](const auto& machine) {
    gpu_linear_case<bf16> c({2, 2, 1, 20, 40}, 64);
    std::fill(c.v.begin(), c.v.begin() + 40 * 64, bf16(INFINITY));  // hidden: never read
    auto out = unwritten<float>(c.q.size()), dq = out, dk = unwritten<float>(c.k.size()), dv = dk;
    const linear<elu_plus_one> weighting{};
    const auto run = [&](index_t keys) {
      const auto first = [&](auto& x) { return view<std::remove_reference_t<decltype(x[0])>, 4>(x.data(), 2, keys, 1, 64); };
      attend(machine, c.queries(c.q), first(c.k), first(c.v), c.queries(out), padding{lengths.data()}, scaled{}, weighting);
      attend_backward(machine, {.q = c.queries(c.q), .k = first(c.k), .v = first(c.v), .out = {}, .log_sum_exp = {}, .d_out = c.queries(c.d_out)},
                      attention_gradients{.q = c.queries(dq), .k = first(dk), .v = first(dv)}, padding{lengths.data()}, scaled{}, weighting);
    };
    run(40);
    const std::size_t half = out.size() / 2, keys = dk.size() / 2;
    for (std::size_t i = 0; i < half; ++i) CHECK((out[i] == 0 && dq[i] == 0 && std::isfinite(out[half + i]) && std::isfinite(dq[half + i])));
    for (std::size_t i = 0; i < keys; ++i) CHECK((dk[i] == 0 && dv[i] == 0 && std::isfinite(dk[keys + i]) && dv[keys + i] != 0));
    run(0);
    for (std::size_t i = 0; i < out.size(); ++i) CHECK((out[i] == 0 && dq[i] == 0));
  });
}

}  // namespace
