#pragma once
// The random models of tests/data/model/tiny (tests/oracles/tiny.py), and ways to run them.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tenon/model/load.hpp>

#include "npy.hpp"

namespace tenon_test {

/// BF16 weights, tied head.
struct tiny_llama {
  static constexpr const char* name = "tiny llama";
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = tenon::head::tied, .epsilon = 1e-5f};
  static constexpr tenon::attention_spec attention{.query_heads = 2, .kv_heads = 1, .head_dim = 64};
  static constexpr auto mask = tenon::causal{};
  static constexpr auto score = tenon::scaled{};
  static constexpr auto position = tenon::rotary{.theta = 1e5f, .pairing = tenon::halves};
  static constexpr auto gate = tenon::swiglu{.hidden = 96};
  static constexpr auto precision = tenon::full_precision;
};

/// The same in Q8_0, under Llama 3's frequency scaling.
struct tiny_llama3 : tiny_llama {
  static constexpr const char* name = "tiny llama with scaled frequencies";
  static constexpr auto position = tenon::rotary{.theta = 1e5f, .pairing = tenon::halves, .scaling = tenon::llama3{.factor = 8, .low = 1, .high = 4, .original = 32}};
};

/// Every storage, mixed by tensor; biases; a head of its own.
struct tiny_qwen2 {
  static constexpr const char* name = "tiny qwen2";
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 288, .tied_head = tenon::head::untied, .epsilon = 1e-6f};
  static constexpr tenon::attention_spec attention{.query_heads = 2, .kv_heads = 1, .head_dim = 128, .qkv_bias = tenon::bias::learned};
  static constexpr auto mask = tenon::causal{};
  static constexpr auto score = tenon::scaled{};
  static constexpr auto position = tenon::rotary{.theta = 1e4f, .pairing = tenon::halves};
  static constexpr auto gate = tenon::swiglu{.hidden = 256};
  static constexpr auto precision = tenon::full_precision;
};

/// The same with quantised activations where the weights are integers, and a cache of int8.
struct quantised_qwen2 : tiny_qwen2 {
  static constexpr tenon::precision_policy<tenon::int8_per_128> precision{.integers = tenon::compute::int8x2};
};

inline std::string tiny_file(const char* name) { return std::string(TENON_TEST_DATA) + "/model/tiny/" + name; }

/// Prompt 0 has one token, prompt 1 37, prompt 2 96.
inline std::vector<std::int32_t> tiny_prompt(int number) { return load_npy<std::int32_t>("tiny/prompt_" + std::to_string(number)); }

/// A model's logits of every token [token, vocabulary], read in blocks of `chunk` tokens.
template <class Decoder, class Machine>
std::vector<float> all_logits(const tenon::model<Decoder, Machine>& model, std::span<const std::int32_t> tokens, std::size_t chunk) {
  const auto vocabulary = static_cast<std::size_t>(Decoder::shape.vocabulary);
  tenon::sequence<Decoder, Machine> sequence(model, static_cast<tenon::index_t>(tokens.size()));
  std::vector<float> out(tokens.size() * vocabulary);
  for (std::size_t done = 0; done < tokens.size();) {
    const auto part = tokens.subspan(done, std::min(chunk, tokens.size() - done));
    sequence.read(part, tenon::view<float, 2>(out.data() + done * vocabulary, part.size(), vocabulary));
    done += part.size();
  }
  return out;
}

}  // namespace tenon_test
