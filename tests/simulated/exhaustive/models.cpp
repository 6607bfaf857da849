// Whole models on simulated GPUs: every storage, heads of 128, biases, a head of its own.
#define TENON_TEST_ARCHS tenon::sm80, tenon::sm90a, tenon::gfx90a, tenon::gfx942, tenon::gfx1100, tenon::gfx1201
#include "../device_case.hpp"
#include "../model_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

TEST_CASE("a prompt in chunks: the bits of the prompt at once; token by token: those of a few at a time, and near the others") {
  const auto check = [](const auto& machine) {
    const auto model = load<decoder<on_gpu<tiny_qwen2>>>(tiny_file("qwen2.gguf"), machine);
    const auto tokens = tokens_of(150);
    const auto whole = all_logits(model, tokens, 150);
    CHECK(all_logits(model, tokens, 67) == whole);
    const auto one_by_one = all_logits(model, tokens, 1);  // by the kernels of few tokens
    CHECK(all_logits(model, tokens, 5) == one_by_one);
    CHECK(relative_l2(one_by_one, whole) <= 1e-2);
  };
  check(simulated<sm80>({.checks = simulation::checks::results}));
  check(simulated<sm90a>({.checks = simulation::checks::results}));
  check(simulated<gfx942>({.checks = simulation::checks::results}));
}

TEST_CASE("a qwen2 of every storage, heads of 128, biases, a head of its own") {
  const auto tokens = tokens_of(32);
  const auto exact = all_logits(load<decoder<tiny_qwen2>>(tiny_file("qwen2.gguf"), cpu()), tokens, tokens.size());
  on_simulated_gpus([&](const auto& machine) { check_model<tiny_qwen2>(machine, tiny_file("qwen2.gguf"), tokens, 30, exact); });
}

}  // namespace
