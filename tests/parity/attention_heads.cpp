// Attention of chosen heads: the chosen as attend has them, the others zero and counted.
#include "../support/attention_problem.hpp"

#include <tenon/kernels/launch/attention_heads.hpp>

namespace tenon {
namespace {

using namespace testing;

// Rows [before, keys) of the problem in one call.
template <class Number, class Machine, class Mask, class Score = scaled, class Weighting = softmax>
index_t check(const Machine& machine, const attention_problem& p, float threshold, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}) {
  CAPTURE(p.queries);
  CAPTURE(p.shape.query);
  CAPTURE(threshold);
  std::mt19937 random(7);
  std::vector<float> weights(static_cast<std::size_t>(p.queries * p.shape.query));
  for (float& w : weights) w = static_cast<float>(random() % 1000) / 1000;
  const head_choice choice{view<const float, 2>(weights.data(), p.queries, p.shape.query), threshold};
  const index_t capacity = p.keys + 3;
  const buffer memory(cache_bytes<Number>(machine, p.shape, capacity)), scratch(attention_heads_scratch<Number>(machine, p.shape, p.queries, capacity));
  std::memset(memory.data(), 0xff, memory.size()), std::memset(scratch.data(), 0xff, scratch.size());
  cache_view<Number> cache{.data = memory.data(), .shape = p.shape, .capacity = capacity};
  append(machine, cache, p.key(), p.value(), 0);
  std::vector<float> some(p.outputs(), NAN), all(p.outputs());
  const view<float, 3> out(some.data(), p.queries, p.shape.query, p.shape.dim_v);
  const index_t skipped = attend_heads<0, 0>(machine, p.query(), cache, out, choice, mask, score, scratch.data(), weighting, 5);
  attend<0, 0>(machine, p.query(), cache, view<float, 3>(all.data(), p.queries, p.shape.query, p.shape.dim_v), mask, score, scratch.data(), weighting, fixed_split{}, {}, 5);
  index_t light = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const float weight = weights[i / static_cast<std::size_t>(p.shape.dim_v)];
    all[i] = weight < threshold ? 0 : weight * all[i];
    light += weight < threshold && i % static_cast<std::size_t>(p.shape.dim_v) == 0;
  }
  CHECK(skipped == light);
  if constexpr (plain_score<Score> && std::is_same_v<Weighting, softmax>)
    CHECK(same_bits(some, all));
  else  // a score's own arithmetic may be fused differently, and a sigmoid's vectors begin elsewhere
    CHECK(distance(some, std::vector<double>(all.begin(), all.end())) < 3e-7);
  return skipped;
}

}  // namespace

TEST_CASE("chosen heads are computed as ever, the others not at all") {
  const cpu machine{cpu_options{.threads = 3}};
  const attention_problem p({6, 2, 16, 24}, 150, 260, 1), one({8, 1, 64, 64}, 1, 300, 2), square({6, 3, 24, 8}, 200, 200, 3);
  std::vector<std::int32_t> ids(6 * 260);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i % 260 / 90);
  for (const float threshold : {0.0f, 0.5f, 0.97f, 2.0f}) {
    check<float>(machine, p, threshold, causal{}, scaled{.factor = 0.2f} >> alibi{.heads = 6});
    check<bf16>(machine, p, threshold, causal{} & document{.ids = ids.data(), .batch_stride = 260});
    check<float>(machine, one, threshold, causal{});
    check<int8_per_128>(machine, one, threshold, causal{});
    check<float>(machine, square, threshold, causal{} & window{.width = 30}, scaled{}, sigmoid{.bias = -1});
    check<float>(cpu_scalar{}, square, threshold, causal{} & window{.width = 30}, scaled{}, sigmoid{.bias = -1});
  }
  CHECK(check<float>(machine, p, 0, causal{}) == 0);
  CHECK(check<float>(machine, p, 2, causal{}) == 150 * 6);
}

TEST_CASE("choices that do not fit are refused") {
  const cpu machine;
  const attention_problem p({2, 1, 8, 8}, 3, 3, 1);
  const buffer memory(cache_bytes<float>(machine, p.shape, 16)), scratch(attention_heads_scratch<float>(machine, p.shape, 3, 16));
  cache_view<float> cache{.data = memory.data(), .shape = p.shape, .capacity = 16};
  append(machine, cache, p.key(), p.value(), 0);
  std::vector<float> out(p.outputs()), weights(6);
  const view<float, 3> to(out.data(), 3, 2, 8);
  const head_choice turned{view<const float, 2>(weights.data(), 2, 3), 0}, fitting{view<const float, 2>(weights.data(), 3, 2), 0};
  CHECK_THROWS_AS((attend_heads<8, 8>(machine, p.query(), cache, to, turned, causal{}, scaled{}, scratch.data())), error);
  const std::int32_t page = 0;
  cache.pages = &page, cache.page_keys = 16;
  CHECK_THROWS_AS((attend_heads<8, 8>(machine, p.query(), cache, to, fitting, causal{}, scaled{}, scratch.data())), error);
}

}  // namespace tenon
