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
