#include <doctest/doctest.h>

#include <tenon/model/decoder.hpp>
#include <tenon/model/zoo/llama.hpp>
#include <tenon/model/zoo/qwen2.hpp>

#include "../support/small_spec.hpp"

using tenon::decoder;

// By hand: embedding 260 x 64 and head, per block q 64x64, k and v 32x64, o 64x64, gate, up and down 96x64, two gains; final gain.
static_assert(decoder<small_spec>::parameters == 2 * 260 * 64 + 2 * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64 + 2 * 64) + 64);
static_assert(decoder<small_spec>::flops_per_token == 2 * (260 * 64 + 2 * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64)));
// SmolLM2: 30 blocks, keys and values of 3 heads of 64, two bytes each.
static_assert(decoder<tenon::zoo::smollm2_135m>::cache_bytes_per_token == 30 * 2 * 3 * 64 * 2);

// The same with int8 keys and values, each head of 64 with a float scale.
struct small_cache : tenon::zoo::smollm2_135m {
  static constexpr tenon::precision_policy<tenon::int8_per_128> precision{};
};
static_assert(decoder<small_cache>::cache_bytes_per_token == 30 * 2 * 3 * (64 + 4));

// DeepSeek-V3's scale of the softmax, 192^-0.5 (0.1 ln 40 + 1)^2, reaches the kernel, alone and ahead of other scores.
struct deepseek_positions : small_spec {
  static constexpr tenon::attention_spec attention{.query_heads = 4, .kv_heads = 2, .head_dim = 192};
  static constexpr auto position = tenon::rotary{.theta = 1e4f, .dims = 64, .pairing = tenon::interleaved, .scaling = tenon::yarn{.factor = 40, .original = 4096, .mscale = 1, .mscale_all_dim = 1}};
};
struct deepseek_positions_capped : deepseek_positions {
  static constexpr auto score = tenon::soft_cap{.cap = 30};
};
template <class Spec>
constexpr bool scaled_as_v3 = tenon::factor_of(tenon::grouped_attention<Spec>::score) > 0.135233f && tenon::factor_of(tenon::grouped_attention<Spec>::score) < 0.135235f;
static_assert(scaled_as_v3<deepseek_positions> && scaled_as_v3<deepseek_positions_capped>);
static_assert(tenon::factor_of(tenon::grouped_attention<small_spec>::score) == 0);

TEST_CASE("activations do not overlap and begin on cache lines") {
  constexpr tenon::activation_plan plan{10, 24, 64};
  float* const none = nullptr;
  CHECK(plan.offset(0) == 0);
  for (int slot = 0; slot < 3; ++slot) {
    CHECK(plan.offset(slot) % 16 == 0);
    CHECK(plan.offset(slot + 1) - plan.offset(slot) >= plan.width[slot] * tenon::block_tokens);
    const auto rows = plan.in(none, slot, 5);
    CHECK(rows.extent[0] == 5);
    CHECK(rows.extent[1] == plan.width[slot]);
  }
  CHECK(plan.size() == plan.offset(3));
}

TEST_CASE("the arena holds the decoder's own activations and those of its hungriest layer") {
  using model = decoder<small_spec>;
  CHECK(model::arena_floats >= (2 * 64 + 2 * 64 + 2 * 32) * tenon::block_tokens + 260);
  CHECK(model::layer_offset % 16 == 0);
  CHECK(model::logits_offset % 16 == 0);
}
