#pragma once
// Decoders of the qwen2 family (biased query, key and value projections): specs only. Sources: the published configurations of
// the DeepSeek-R1 distillations; parameter counts from SPEC section 4.

#include <tenon/model/decoder.hpp>

namespace tenon::zoo {

/// DeepSeek-R1-Distill-Qwen-1.5B, on Qwen2.5-Math-1.5B.
struct r1_distill_qwen_1_5b {
  static constexpr const char* name = "DeepSeek-R1-Distill-Qwen-1.5B";
  static constexpr decoder_spec shape{.width = 1536, .blocks = 28, .vocabulary = 151936, .tied_head = head::untied, .epsilon = 1e-6f};
  static constexpr attention_spec attention{.query_heads = 12, .kv_heads = 2, .head_dim = 128, .qkv_bias = bias::learned};
  static constexpr auto mask = causal{};
  static constexpr auto score = scaled{};
  static constexpr auto position = rotary{.theta = 1e4f, .pairing = halves};
  static constexpr auto gate = swiglu{.hidden = 8960};
  static constexpr auto precision = as_stored;
};
static_assert(decoder<r1_distill_qwen_1_5b>::parameters == 1'777'088'000);

/// DeepSeek-R1-Distill-Qwen-7B, on Qwen2.5-Math-7B.
struct r1_distill_qwen_7b {
  static constexpr const char* name = "DeepSeek-R1-Distill-Qwen-7B";
  static constexpr decoder_spec shape{.width = 3584, .blocks = 28, .vocabulary = 152064, .tied_head = head::untied, .epsilon = 1e-6f};
  static constexpr attention_spec attention{.query_heads = 28, .kv_heads = 4, .head_dim = 128, .qkv_bias = bias::learned};
  static constexpr auto mask = causal{};
  static constexpr auto score = scaled{};
  static constexpr auto position = rotary{.theta = 1e4f, .pairing = halves};
  static constexpr auto gate = swiglu{.hidden = 18944};
  static constexpr auto precision = as_stored;
};
static_assert(decoder<r1_distill_qwen_7b>::parameters == 7'615'616'512);

/// DeepSeek-R1-Distill-Qwen-14B, on Qwen2.5-14B.
struct r1_distill_qwen_14b {
  static constexpr const char* name = "DeepSeek-R1-Distill-Qwen-14B";
  static constexpr decoder_spec shape{.width = 5120, .blocks = 48, .vocabulary = 152064, .tied_head = head::untied, .epsilon = 1e-5f};
  static constexpr attention_spec attention{.query_heads = 40, .kv_heads = 8, .head_dim = 128, .qkv_bias = bias::learned};
  static constexpr auto mask = causal{};
  static constexpr auto score = scaled{};
  static constexpr auto position = rotary{.theta = 1e6f, .pairing = halves};
  static constexpr auto gate = swiglu{.hidden = 13824};
  static constexpr auto precision = as_stored;
};
static_assert(decoder<r1_distill_qwen_14b>::parameters == 14'770'033'664);

/// DeepSeek-R1-Distill-Qwen-32B, on Qwen2.5-32B.
struct r1_distill_qwen_32b {
  static constexpr const char* name = "DeepSeek-R1-Distill-Qwen-32B";
  static constexpr decoder_spec shape{.width = 5120, .blocks = 64, .vocabulary = 152064, .tied_head = head::untied, .epsilon = 1e-5f};
  static constexpr attention_spec attention{.query_heads = 40, .kv_heads = 8, .head_dim = 128, .qkv_bias = bias::learned};
  static constexpr auto mask = causal{};
  static constexpr auto score = scaled{};
  static constexpr auto position = rotary{.theta = 1e6f, .pairing = halves};
  static constexpr auto gate = swiglu{.hidden = 27648};
  static constexpr auto precision = as_stored;
};
static_assert(decoder<r1_distill_qwen_32b>::parameters == 32'763'876'352);

}  // namespace tenon::zoo
