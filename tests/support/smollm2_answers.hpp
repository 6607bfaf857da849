#pragma once
// Greedy answers of SmolLM2 in fp32, against those that transformers gave to the same prompts (tests/oracles/smollm2.py).

#include <doctest/doctest.h>

#include <tenon/model/load.hpp>
#include <tenon/model/zoo/llama.hpp>
#include <tenon/runtime/generate.hpp>

#include "npy.hpp"

namespace tenon_test {

struct smollm2_fp32 : tenon::zoo::smollm2_135m {
  static constexpr auto precision = tenon::full_precision;
};

/// The first `count`, at most 64, tokens of the answer to prompt `number`, 0 to 4.
template <class Spec, class Machine>
void answers_as_transformers(const tenon::model<tenon::decoder<Spec>, Machine>& model, int number, std::size_t count) {
  const auto prompt = load_npy<std::int32_t>("smollm2/prompt_" + std::to_string(number));
  auto answer = load_npy<std::int32_t>("smollm2/answer_" + std::to_string(number));
  answer.resize(count);
  tenon::sequence sequence(model, static_cast<tenon::index_t>(prompt.size() + count));
  std::vector<std::int32_t> tokens;
  for (const std::int32_t token : tenon::generate(sequence, prompt, {.max_tokens = static_cast<tenon::index_t>(count)})) tokens.push_back(token);
  CAPTURE(number);
  CHECK(tokens == answer);
}

}  // namespace tenon_test
