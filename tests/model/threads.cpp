// Threads never show in a result, and models do not see each other.
#include <doctest/doctest.h>

#include <thread>

#include <tenon/runtime/generate.hpp>

#include "../support/tiny_models.hpp"

using namespace tenon_test;

namespace {

template <class Spec, class Machine>
std::vector<float> logits_with(int threads, const char* file) {
  const auto model = tenon::load<tenon::decoder<Spec>>(tiny_file(file), Machine(tenon::cpu_options{.threads = threads}));
  auto logits = all_logits(model, tiny_prompt(2), 61);
  const auto one_by_one = all_logits(model, tiny_prompt(1), 1);
  logits.insert(logits.end(), one_by_one.begin(), one_by_one.end());
  return logits;
}

template <class Model>
std::vector<std::int32_t> answer(const Model& model, int prompt) {
  tenon::sequence sequence(model, 256);
  std::vector<std::int32_t> tokens;
  for (const std::int32_t token : tenon::generate(sequence, tiny_prompt(prompt), {.max_tokens = 100})) tokens.push_back(token);
  return tokens;
}

}  // namespace

TEST_CASE_TEMPLATE("1, 2 and 4 threads give the same bits", Spec, tiny_llama, tiny_qwen2, quantised_qwen2) {
  const char* file = std::is_same_v<Spec, tiny_llama> ? "llama.gguf" : "qwen2.gguf";
  const auto alone = logits_with<Spec, tenon::cpu>(1, file);
  CHECK(logits_with<Spec, tenon::cpu>(2, file) == alone);
  CHECK(logits_with<Spec, tenon::cpu>(4, file) == alone);
  CHECK(logits_with<Spec, tenon::cpu>(1, file) == alone);
}

TEST_CASE("two models in two threads at once answer as they do alone, and so do two sequences of one model") {
  const tenon::cpu machine(tenon::cpu_options{.threads = 2});
  const auto llama = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), machine);
  const auto qwen2 = tenon::load<tenon::decoder<quantised_qwen2>>(tiny_file("qwen2.gguf"), machine);
  const auto llama_1 = answer(llama, 1), llama_2 = answer(llama, 2), qwen2_2 = answer(qwen2, 2);
  for (int round = 0; round < 4; ++round) {
    std::vector<std::int32_t> first, second, third;
    {
      std::jthread a([&] { first = answer(llama, 1); }), b([&] { second = answer(qwen2, 2); }), c([&] { third = answer(llama, 2); });
    }
    CHECK(first == llama_1);
    CHECK(second == qwen2_2);
    CHECK(third == llama_2);
  }
}
