#pragma once
// What holds for the tiny models on every machine. One machine per test program: each has its own kernels to compile.

#include <doctest/doctest.h>

#include <tenon/runtime/generate.hpp>

#include "distance.hpp"
#include "tiny_models.hpp"

namespace tenon_test {

/// The logits of the three prompts and the greedy answer to the second, against transformers in fp64.
template <class Spec, class Machine>
void agrees_with_transformers(const Machine& machine, const char* file, const std::string& expected) {
  const auto model = tenon::load<tenon::decoder<Spec>>(tiny_file(file), machine);
  for (int number = 0; number < 3; ++number) {
    CAPTURE(number);
    const auto logits = all_logits(model, tiny_prompt(number), 4096);
    CHECK(relative_l2(logits, load_npy<float>("tiny/" + expected + "_logits_" + std::to_string(number))) < 2e-6);
  }
  const auto prompt = tiny_prompt(1), answer = load_npy<std::int32_t>("tiny/" + expected + "_answer_1");
  tenon::sequence sequence(model, static_cast<tenon::index_t>(prompt.size() + answer.size()));
  std::vector<std::int32_t> tokens;
  for (const std::int32_t token : tenon::generate(sequence, prompt, {.max_tokens = static_cast<tenon::index_t>(answer.size())})) tokens.push_back(token);
  CHECK(tokens == answer);
}

/// Three models, and one of them with 8-bit activations and an 8-bit cache.
template <class Machine>
void tiny_models_agree(const Machine& machine) {
  SUBCASE("llama") { agrees_with_transformers<tiny_llama>(machine, "llama.gguf", "llama"); }
  SUBCASE("llama, Llama 3 frequencies") { agrees_with_transformers<tiny_llama3>(machine, "llama3.gguf", "llama3"); }
  SUBCASE("qwen2, every storage") { agrees_with_transformers<tiny_qwen2>(machine, "qwen2.gguf", "qwen2"); }
  SUBCASE("qwen2, 8-bit activations and cache") {
    const auto model = tenon::load<tenon::decoder<quantised_qwen2>>(tiny_file("qwen2.gguf"), machine);
    const double distance = relative_l2(all_logits(model, tiny_prompt(2), 4096), load_npy<float>("tiny/qwen2_logits_2"));
    CHECK(distance < 2e-2);
    CHECK(distance > 1e-5);  // they are in use
  }
}

/// `count` tokens of the vocabulary, the same in every run.
inline std::vector<std::int32_t> random_tokens(std::size_t count) {
  std::vector<std::int32_t> tokens(count);
  std::uint32_t state = 3;
  for (auto& token : tokens) token = static_cast<std::int32_t>((state = state * 1664525u + 1013904223u) >> 8) % 288;
  return tokens;
}

/// However a text is cut into calls, the logits are the same but for the order of sums.
template <class Machine>
void chunks_agree(const Machine& machine) {
  const auto model = tenon::load<tenon::decoder<tiny_llama>>(tiny_file("llama.gguf"), machine);
  const auto tokens = random_tokens(150);
  const auto whole = all_logits(model, tokens, tokens.size());
  for (const std::size_t chunk : std::initializer_list<std::size_t>{1, 2, 3, 5, 7, 16, 17, 31, 64, 100, 149}) {
    CAPTURE(chunk);
    CHECK(relative_l2(all_logits(model, tokens, chunk), whole) < 1e-5);
  }
}

}  // namespace tenon_test
