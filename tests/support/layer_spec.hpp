#pragma once
// What the specs of single attention layers have in common, in tests.

#include <tenon/model/block.hpp>
#include <tenon/model/spec.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/position.hpp>
#include <tenon/policies/precision.hpp>
#include <tenon/policies/score.hpp>

struct attention_parts {
  static constexpr tenon::decoder_spec shape{.width = 48, .blocks = 1, .vocabulary = 1, .epsilon = 1e-5f};
  static constexpr tenon::attention_spec attention{.query_heads = 6, .kv_heads = 2, .head_dim = 16};
  static constexpr auto mask = tenon::causal{};
  static constexpr auto score = tenon::scaled{};
  static constexpr auto position = tenon::rotary{.theta = 100.f, .pairing = tenon::halves};
  static constexpr auto precision = tenon::full_precision;
};
