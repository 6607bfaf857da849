#pragma once
// A small decoder that fits; the tests change one part of it at a time.

#include <tenon/model/decoder.hpp>

struct small_spec {
  static constexpr const char* name = "small";
  static constexpr tenon::decoder_spec shape{.width = 64, .blocks = 2, .vocabulary = 260, .tied_head = tenon::head::untied, .epsilon = 1e-5f};
  static constexpr tenon::attention_spec attention{.query_heads = 4, .kv_heads = 2, .head_dim = 16};
  static constexpr auto mask = tenon::causal{};
  static constexpr auto score = tenon::scaled{};
  static constexpr auto position = tenon::rotary{.theta = 1e4f, .pairing = tenon::halves};
  static constexpr auto gate = tenon::swiglu{.hidden = 96};
  static constexpr auto precision = tenon::full_precision;
};
