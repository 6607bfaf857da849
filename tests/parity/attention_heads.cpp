// Attention of chosen heads: the chosen as attend has them, the others zero and counted.
#include "../support/cache_layouts.hpp"

#include <tenon/kernels/launch/attention_heads.hpp>

namespace tenon {
namespace {

using namespace testing;

// The problem in one call, its cache laid out in any way.
template <class Number, class Machine, class Mask, class Score = scaled, class Weighting = softmax>
index_t check(const Machine& machine, const attention_problem& p, float threshold, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}, page_layout how = {}) {
  CAPTURE(p.queries);
  CAPTURE(p.shape.query);
  CAPTURE(threshold);
  CAPTURE(how.page_keys);
  std::mt19937 random(7);
  std::vector<float> weights(static_cast<std::size_t>(p.queries * p.shape.query));
  for (float& w : weights) w = static_cast<float>(random() % 1000) / 1000;
  const head_choice choice{view<const float, 2>(weights.data(), p.queries, p.shape.query), threshold};
  held_cache<Number, Machine> held(machine, p.shape, p.keys + 3, how);
  const buffer scratch(attention_heads_scratch<Number>(machine, p.shape, p.queries, p.keys + 3));
  std::memset(scratch.data(), 0xff, scratch.size());
  held.take(machine, p, 0, p.keys);
  std::vector<float> some(p.outputs(), NAN), all(p.outputs());
  const view<float, 3> out(some.data(), p.queries, p.shape.query, p.shape.dim_v);
  const index_t skipped = attend_heads<0, 0>(machine, p.query(), held.cache, out, choice, mask, score, scratch.data(), weighting, 5);
  attend<0, 0>(machine, p.query(), held.cache, view<float, 3>(all.data(), p.queries, p.shape.query, p.shape.dim_v), mask, score, scratch.data(), weighting, fixed_split{}, {}, 5);
  index_t light = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const float weight = weights[i / static_cast<std::size_t>(p.shape.dim_v)];
    all[i] = weight < threshold ? 0 : weight * all[i];
    light += weight < threshold && i % static_cast<std::size_t>(p.shape.dim_v) == 0;
  }
  CHECK(skipped == light);
  CHECK(same_bits(some, all));
  return skipped;
}

template <class Machine>
void check_all(const Machine& machine) {
  const attention_problem p({6, 2, 16, 24}, 150, 260, 1), one({8, 1, 64, 64}, 1, 300, 2), square({6, 3, 24, 8}, 200, 200, 3);
  const std::vector<float> sinks{0.5f, -1.0f, 3.0f, 0.0f, 1.5f, -4.0f};
  std::vector<std::int32_t> ids(6 * 260);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i % 260 / 90);
  for (const float threshold : {0.0f, 0.5f, 0.97f, 2.0f}) {
    check<float>(machine, p, threshold, causal{}, scaled{.factor = 0.2f} >> alibi{.heads = 6});
    check<bf16>(machine, p, threshold, causal{} & document{.ids = ids.data(), .batch_stride = 260});
    check<float>(machine, one, threshold, causal{});
    check<int8_per_128>(machine, one, threshold, causal{});
    check<float>(machine, square, threshold, causal{} & window{.width = 30}, scaled{}, sigmoid{.bias = -1});
    check<float>(machine, square, threshold, causal{} & window{.width = 30}, scaled{}, sink{.logits = sinks.data()});
    check<float>(machine, square, threshold, causal{}, scaled{}, sink{.logits = nullptr});
  }
}

}  // namespace

TEST_CASE("chosen heads are computed as ever, the others not at all") {
  check_all(cpu{cpu_options{.threads = 3}});
  check_all(cpu_scalar{});
  const cpu machine;
  const attention_problem p({6, 2, 16, 24}, 150, 260, 1);
  CHECK(check<float>(machine, p, 0, causal{}) == 0);
  CHECK(check<float>(machine, p, 2, causal{}) == 150 * 6);
}

TEST_CASE("chosen heads over caches in pages and latent ones") {
  const cpu machine{cpu_options{.threads = 2}};
  const attention_problem p({6, 2, 16, 24}, 150, 260, 1);
  const std::vector<float> sinks{0.5f, -1.0f, 3.0f, 0.0f, 1.5f, -4.0f};
  for (const index_t page : {index_t{128}, index_t{16}, index_t{7}}) {
    const page_layout pages{page, static_cast<unsigned>(page)};
    check<float>(machine, p, 0.5f, causal{}, scaled{}, sink{.logits = sinks.data()}, pages);
    check<bf16>(machine, p, 0.5f, causal{} & window{.width = 70}, scaled{}, sigmoid{.bias = -2}, pages);
    check<int8_per_32>(machine, p, 0.9f, causal{}, scaled{.factor = 0.2f} >> alibi{.heads = 6}, softmax{}, pages);
    check<bf16>(machine, latent_problem(5, 72, 40, 60, 300, 9), 0.5f, causal{}, scaled{}, softmax{}, pages);
  }
  check<e4m3_per_128>(machine, latent_problem(5, 136, 64, 60, 300, 9), 0.5f, causal{});
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
  cache.pages = &page, cache.page_keys = 12;  // capacity is no multiple
  CHECK_THROWS_AS((attend_heads<8, 8>(machine, p.query(), cache, to, fitting, causal{}, scaled{}, scratch.data())), error);
  cache.page_keys = 16, cache.page_stride = 64;  // less than a page
  CHECK_THROWS_AS((attend_heads<8, 8>(machine, p.query(), cache, to, fitting, causal{}, scaled{}, scratch.data())), error);
}

}  // namespace tenon
