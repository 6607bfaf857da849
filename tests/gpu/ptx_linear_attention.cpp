// Linear attention and its gradients, as the PTX that nvcc makes of their kernels for sm_80, executed and compared with the reference in double.
#include "ptx_machine.hpp"

#include "../support/gpu_linear_case.hpp"
#include "ptx_breaks.hpp"
#include "linear_attention_problems.hpp"

namespace {
using kernels = tenon_test::linear_kernels<tenon_test::ptx_leaf, tenon::words_of<tenon::sm80>>;
}
TENON_TEST_KERNELS(TENON_TEST_NAME)

namespace {

using namespace tenon;
using namespace tenon::testing;
using tenon_test::broken_run, tenon_test::ptx_machine;

/// Calls f(machine) for every way of scheduling warps.
template <class F>
void in_every_way(F&& f) {
  static ptx::Module module = ptx::load(TENON_TEST_PTX);
  for (const ptx::Options& way : tenon_test::ptx_ways()) f(ptx_machine(module, way));
}

TEST_CASE("prompts") {
  const std::vector<std::int32_t> of_batch{100, 37};
  const tenon_test::on_ptx lengths(of_batch, "lengths");
  in_every_way([&](const auto& machine) {
    for (const linear_sizes s : {linear_sizes{1, 1, 1, 64, 64}, {2, 4, 2, 70, 150}, {1, 1, 1, 7, 9}}) check_linear<bf16, bf16>(machine, s, 64, causal{}, elu_plus_one{});
    check_linear<f16, float>(machine, {1, 2, 1, 70, 150}, 128, causal{}, elu_plus_one{});
    check_linear<float, f16>(machine, {2, 4, 2, 40, 100}, 64, padding{lengths.data()}, relu_features{});
  });
}

TEST_CASE("a prompt in pieces, then token by token") {
  in_every_way([](const auto& machine) {
    check_recurrent<bf16>(machine, 6, 1, 64, {70, 1, 3, 1});
    check_recurrent<float>(machine, 1, 1, 128, {66, 1});
  });
}

TEST_CASE("waves, in prompts, in pieces and token by token") {
  const tenon_test::on_ptx operands(wave_operands(2), "the waves");
  const auto waves = waves_over(operands.data(), 2);
  in_every_way([&](const auto& machine) {
    check_linear<bf16, bf16>(machine, {1, 4, 2, 70, 100}, 64, causal{}, waves);
    check_linear<f16, float>(machine, {1, 1, 1, 50, 20}, 128, causal{}, waves);
    check_recurrent<bf16>(machine, 6, 1, 64, {66, 1, 3, 1}, waves);
    check_recurrent<float>(machine, 1, 1, 128, {3, 1}, waves);
  });
}

TEST_CASE("gradients, with the same bits in every way") {
  const std::vector<std::int32_t> of_batch{100, 37};
  const tenon_test::on_ptx lengths(of_batch, "lengths");
  std::vector<bf16> first[3];
  in_every_way([&](const auto& machine) {
    std::vector<bf16> now[3];
    CHECK(linear_backward_distance<bf16>(machine, {1, 2, 1, 70, 150}, 64, causal{}, elu_plus_one{}, &now[0]) <= 7e-3);
    CHECK(linear_backward_distance<f16>(machine, {1, 1, 1, 90, 20}, 128, causal{}, elu_plus_one{}, &now[1]) <= 7e-3);
    CHECK(linear_backward_distance<float>(machine, {2, 4, 2, 40, 100}, 64, padding{lengths.data()}, relu_features{}, &now[2]) <= 7e-3);
    for (int i = 0; i < 3; ++i) {
      if (first[i].empty()) first[i] = now[i];
      CHECK(std::memcmp(first[i].data(), now[i].data(), first[i].size() * sizeof(bf16)) == 0);
    }
  });
}

template <class T>
struct array : tenon_test::on_ptx<T> {
  array(std::size_t n, const char* called) : tenon_test::on_ptx<T>(std::vector<T>(n), called) {}
};

TEST_CASE("gradients of waves, and what they learn, with the same bits in every way") {
  std::vector<float> first[2];
  in_every_way([&](const auto& machine) {
    std::vector<float> now[2];
    const learned_distance off = waves_learned<array>(machine, {1, 2, 1, 40, 70}, 64, 1, &now[0]), wide = waves_learned<array>(machine, {1, 1, 1, 9, 20}, 128, 2, &now[1]);
    CHECK(std::max(off.gradients, wide.gradients) <= 7e-3);
    CHECK(std::max(off.operands, wide.operands) <= 7e-3);
    for (int i = 0; i < 2; ++i) {
      if (first[i].empty()) first[i] = now[i];
      CHECK(first[i] == now[i]);
    }
  });
}

TEST_CASE("random exponentials, in prompts, in pieces and token by token, and their gradients, with the same bits in every way") {
  const tenon_test::on_ptx directions(random_directions(), "directions");
  const random_exponentials few{.directions = directions.data(), .size = 40}, many{.directions = directions.data(), .size = 150};
  std::vector<bf16> first[2];
  in_every_way([&](const auto& machine) {
    check_linear<bf16, bf16>(machine, {1, 4, 2, 70, 100}, 64, causal{}, many);
    check_linear<f16, float>(machine, {1, 1, 1, 50, 20}, 128, causal{}, few);
    check_recurrent<bf16>(machine, 6, 1, 64, {66, 1, 3, 1}, many);
    std::vector<bf16> now[2];
    CHECK(linear_backward_distance<bf16>(machine, {1, 2, 1, 40, 70}, 64, causal{}, many, &now[0]) <= 7e-3);
    CHECK(linear_backward_distance<float>(machine, {1, 1, 1, 9, 20}, 128, causal{}, many, &now[1]) <= 7e-3);
    for (int i = 0; i < 2; ++i) {
      if (first[i].empty()) first[i] = now[i];
      CHECK(std::memcmp(first[i].data(), now[i].data(), first[i].size() * sizeof(bf16)) == 0);
    }
  });
}

TEST_CASE("every barrier left out, shuffle and matrix load done wrong shows") {
  ptx::Module whole = ptx::load(TENON_TEST_PTX);
  const tenon_test::break_of barriers[] = {{"the barrier left out", "bar.sync", [](const std::string&) { return std::string(); }}};
  const tenon_test::break_of shuffles[] = {{"a shuffle from the lane before", "shfl.sync.bfly", [](const std::string& line) { return tenon_test::replaced(line, ".bfly.", ".up."); }}};
  const tenon_test::break_of loads[] = {{"a straight load for a transposed one", ".x4.trans.", [](const std::string& line) { return tenon_test::replaced(line, ".trans.", "."); }}};
  // Chunks with keys and no queries, and with queries and no keys: so every barrier is met.
  const linear_sizes sizes[] = {{1, 1, 1, 100, 200}, {1, 1, 1, 150, 70}};
  const auto most = [&](const auto& distance) { return std::max(distance(sizes[0]), distance(sizes[1])); };
  broken_run prompts{whole, [&](const auto& machine) { return most([&](const linear_sizes& s) { return linear_distance<bf16, float>(machine, s, 64, causal{}, elu_plus_one{}); }); }};
  CHECK(break_everywhere(prompts, "chunks_causal_64", 4e-3, loads) >= 20);
  const tenon_test::on_ptx operands(wave_operands(1), "the waves");
  broken_run waves{whole, [&](const auto& machine) { return linear_distance<bf16, float>(machine, {1, 1, 1, 70, 80}, 64, causal{}, waves_over(operands.data(), 1)); }};
  CHECK(break_everywhere(waves, "parts_waves_64", 4e-3, loads) >= 20);
  broken_run learned{whole, [&](const auto& machine) {
                       const learned_distance off = waves_learned<array>(machine, {1, 1, 1, 8, 20}, 64, 1);
                       return std::max(off.gradients, off.operands);
                     }};
  CHECK(break_everywhere(learned, "learn_waves_64", 7e-3, barriers) == 3);
  CHECK(break_everywhere(learned, "learn_waves_64", 7e-3, shuffles) == 15);
  broken_run gradients{whole, [&](const auto& machine) { return most([&](const linear_sizes& s) { return linear_backward_distance<bf16, float>(machine, s, 64, causal{}, elu_plus_one{}); }); }};
  for (const char* kernel : {"queries_causal_64", "keys_causal_64", "values_causal_64"}) CHECK(break_everywhere(gradients, kernel, 7e-3, barriers) >= 4);
  CHECK(break_everywhere(gradients, "facts_causal_64", 7e-3, shuffles) == 3);
  const tenon_test::on_ptx directions(random_directions(), "directions");
  broken_run pulled{whole, [&](const auto& machine) {
                      return linear_backward_distance<bf16, float>(machine, {1, 1, 1, 20, 30}, 64, causal{}, random_exponentials{.directions = directions.data(), .size = 150});
                    }};
  CHECK(break_everywhere(pulled, "mapped_rows_64", 7e-3, barriers) == 1);
  CHECK(break_everywhere(pulled, "pull_rows_64", 7e-3, barriers) == 2);
}

}  // namespace
