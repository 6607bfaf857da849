#pragma once
// Decoders of the llama family: specs only. Sources: the published configurations; parameter counts from SPEC section 4.

#include <tenon/model/decoder.hpp>

namespace tenon::zoo {

/// SmolLM2-135M(-Instruct).
struct smollm2_135m {
  static constexpr const char* name = "SmolLM2-135M";
  static constexpr decoder_spec shape{.width = 576, .blocks = 30, .vocabulary = 49152, .tied_head = head::tied, .epsilon = 1e-5f};
  static constexpr attention_spec attention{.query_heads = 9, .kv_heads = 3, .head_dim = 64};
  static constexpr auto mask = causal{};
  static constexpr auto score = scaled{};
  static constexpr auto position = rotary{.theta = 1e5f, .pairing = halves};
  static constexpr auto gate = swiglu{.hidden = 1536};
  static constexpr auto precision = as_stored;
};
static_assert(decoder<smollm2_135m>::parameters == 134'515'008);

/// DeepSeek-R1-Distill-Llama-8B, on Llama 3.1.
struct r1_distill_llama_8b {
  static constexpr const char* name = "DeepSeek-R1-Distill-Llama-8B";
  static constexpr decoder_spec shape{.width = 4096, .blocks = 32, .vocabulary = 128256, .tied_head = head::untied, .epsilon = 1e-5f};
  static constexpr attention_spec attention{.query_heads = 32, .kv_heads = 8, .head_dim = 128};
  static constexpr auto mask = causal{};
  static constexpr auto score = scaled{};
  static constexpr auto position = rotary{.theta = 5e5f, .pairing = halves, .scaling = llama3{.factor = 8, .low = 1, .high = 4, .original = 8192}};
  static constexpr auto gate = swiglu{.hidden = 14336};
  static constexpr auto precision = as_stored;
};
static_assert(decoder<r1_distill_llama_8b>::parameters == 8'030'261'248);

/// DeepSeek-R1-Distill-Llama-70B, on Llama 3.3.
struct r1_distill_llama_70b {
  static constexpr const char* name = "DeepSeek-R1-Distill-Llama-70B";
  static constexpr decoder_spec shape{.width = 8192, .blocks = 80, .vocabulary = 128256, .tied_head = head::untied, .epsilon = 1e-5f};
  static constexpr attention_spec attention{.query_heads = 64, .kv_heads = 8, .head_dim = 128};
  static constexpr auto mask = causal{};
  static constexpr auto score = scaled{};
  static constexpr auto position = r1_distill_llama_8b::position;
  static constexpr auto gate = swiglu{.hidden = 28672};
  static constexpr auto precision = as_stored;
};
static_assert(decoder<r1_distill_llama_70b>::parameters == 70'553'706'496);

}  // namespace tenon::zoo
