// Whole models against transformers in fp64, offline: tests/oracles/tiny.py wrote the weights and the expected logits.
#include <doctest/doctest.h>

#include <tenon/runtime/generate.hpp>

#include "../support/distance.hpp"
#include "../support/tiny_models.hpp"

using namespace tenon_test;

namespace {

template <class Spec, class Machine>
void agrees_with_transformers(const char* file, const std::string& expected) {
  const auto model = tenon::load<tenon::decoder<Spec>>(tiny_file(file), Machine());
  for (int number = 0; number < 3; ++number) {
    CAPTURE(number);
    const auto logits = all_logits(model, tiny_prompt(number), 4096);
    CHECK(relative_l2(logits, load_npy<float>("tiny/" + expected + "_logits_" + std::to_string(number))) < 2e-6);
  }
  const auto prompt = tiny_prompt(1), answer = load_npy<std::int32_t>("tiny/" + expected + "_answer_1");
  tenon::sequence sequence(model, static_cast<tenon::index>(prompt.size() + answer.size()));
  std::vector<std::int32_t> tokens;
  for (const std::int32_t token : tenon::generate(sequence, prompt, {.max_tokens = static_cast<tenon::index>(answer.size())})) tokens.push_back(token);
  CHECK(tokens == answer);
}

// Integer products with activations of 8 bits, a bf16 cache.
struct quantised_qwen2 : tiny_qwen2 {
  static constexpr auto precision = tenon::as_stored;
};

}  // namespace

TEST_CASE_TEMPLATE("logits and greedy tokens are those of transformers", Machine, tenon::cpu_scalar, tenon::cpu) {
  SUBCASE("llama") { agrees_with_transformers<tiny_llama, Machine>("llama.gguf", "llama"); }
  SUBCASE("llama, Llama 3 frequencies") { agrees_with_transformers<tiny_llama3, Machine>("llama.gguf", "llama3"); }
  SUBCASE("qwen2, every storage") { agrees_with_transformers<tiny_qwen2, Machine>("qwen2.gguf", "qwen2"); }
}

TEST_CASE_TEMPLATE("8-bit activations and a bf16 cache stay near", Machine, tenon::cpu_scalar, tenon::cpu) {
  const auto model = tenon::load<tenon::decoder<quantised_qwen2>>(tiny_file("qwen2.gguf"), Machine());
  const auto logits = all_logits(model, tiny_prompt(2), 4096);
  const double distance = relative_l2(logits, load_npy<float>("tiny/qwen2_logits_2"));
  CHECK(distance < 2e-2);
  CHECK(distance > 1e-5);  // they are in use
}
