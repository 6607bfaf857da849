// Where attention goes wrong elsewhere: rows that see nothing, values that are not finite, scores of -inf, great scores,
// merged partial results, calls that do not fit.
#include "../support/attention_problem.hpp"

#include <limits>

namespace tenon {
namespace {

using namespace testing;
constexpr float infinity = std::numeric_limits<float>::infinity(), not_a_number = std::numeric_limits<float>::quiet_NaN();

float* value_at(attention_problem& p, index_t key, index_t head) { return p.v.data() + (key * p.shape.kv + head) * p.shape.dim_v; }
float* key_at(attention_problem& p, index_t key, index_t head) { return p.k.data() + (key * p.shape.kv + head) * p.shape.dim; }

}  // namespace

TEST_CASE("rows that see nothing give 0, and -inf as log-sum-exp") {
  const cpu machine;
  const attention_problem p({4, 2, 16, 24}, 40, 40, 1);
  const auto mask = causal{} & !window{.width = 5};  // the first five rows
  for (const float x : std::vector<float>(attend_in_chunks<float>(machine, p, 7, mask))) CHECK(std::isfinite(x));
  const std::vector<float> out = attend_in_chunks<bf16>(machine, p, 40, mask);
  for (std::size_t i = 0; i < 5 * 4 * 24; ++i) CHECK(out[i] == 0);
  check_attention(machine, p, 40, mask);
  check_attention(machine, p, 40, prefix{.length = 0});
  check_attention(machine, p, 1, window{.width = 1} & causal{});
}

TEST_CASE("log-sum-exp") {
  const cpu machine;
  const attention_problem p({2, 1, 8, 8}, 9, 200, 3, 3.0f);
  const buffer memory(cache_bytes<float>(machine, p.shape, p.keys)), scratch(attention_scratch(machine, p.shape, p.queries, p.keys, fixed_split{.length = 128}));
  cache_view<float> cache{.data = memory.data(), .shape = p.shape, .capacity = p.keys};
  append(machine, cache, p.key(), p.value(), 0);
  std::vector<float> result(p.outputs()), sums(18);
  const view<float, 2> lse(sums.data(), 9, 2);
  const float logits[] = {1.0f, 2.0f};
  attend<8, 8>(machine, p.query(), cache, view<float, 3>(result.data(), 9, 2, 8), causal{} & !window{.width = 194}, scaled{}, scratch.data(), sink{logits},
               fixed_split{.length = 128}, lse);
  for (index_t i = 0; i < 9; ++i)
    for (index_t h = 0; h < 2; ++h) {
      double total = 0;
      for (index_t j = 0; j <= 191 + i - 194; ++j) {
        double dot = 0;
        for (index_t d = 0; d < 8; ++d) dot += static_cast<double>(p.query()(i, h, d)) * static_cast<double>(p.key()(j, 0, d));
        total += std::exp(dot / std::sqrt(8.0));
      }
      if (total == 0)
        CHECK(lse(i, h) == -infinity);
      else
        CHECK(static_cast<double>(lse(i, h)) == doctest::Approx(std::log(total)).epsilon(1e-6));
    }
}

TEST_CASE("what is masked does not leak, whatever it is") {
  const cpu machine;
  for (const float poison : {not_a_number, infinity, -infinity}) {
    attention_problem p({3, 1, 24, 40}, 150, 150, 5);
    const std::vector<float> clean = attend_in_chunks<float>(machine, p, 150, causal{}), clean_narrow = attend_in_chunks<bf16>(machine, p, 150, causal{});
    for (index_t c = 0; c < 40; ++c) value_at(p, 100, 0)[c] = poison;
    for (index_t d = 0; d < 24; ++d) key_at(p, 100, 0)[d] = poison;
    const std::size_t before = 100 * 3 * 40;
    for (const index_t chunk : {index_t{150}, index_t{1}}) {
      std::vector<float> out = attend_in_chunks<float>(machine, p, chunk, causal{}), narrow = attend_in_chunks<bf16>(machine, p, chunk, causal{});
      CHECK(std::isnan(out[before]));  // the row that sees it
      CHECK(std::memcmp(out.data(), clean.data(), before * sizeof(float)) == 0);
      CHECK(std::memcmp(narrow.data(), clean_narrow.data(), before * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("scores of -inf, equal scores, great scores and values") {
  const cpu machine;
  attention_problem p({2, 1, 16, 16}, 130, 130, 6);
  std::vector<float> bias(130);
  for (std::size_t j = 0; j < bias.size(); ++j) bias[j] = j % 3 == 0 || j < 20 ? -infinity : 0.0f;
  check_attention(machine, p, 130, causal{}, key_bias{.values = bias.data()});
  check_attention(machine, p, 11, causal{}, key_bias{.values = bias.data()}, sigmoid{});
  for (float& x : p.v) x *= 1e4f;
  check_attention(machine, p, 130, causal{});
  for (float& x : p.k) x = 0.5f;
  check_attention(machine, p, 130, causal{});
  attention_problem steep({2, 1, 16, 16}, 130, 130, 7, 1e4f);
  check_attention(machine, steep, 130, causal{});
}

TEST_CASE("splits of any length give the same function; a sequential walk too") {
  const cpu machine;
  const attention_problem p({4, 2, 32, 32}, 3, 900, 8, 2.0f);
  const std::vector<double> want = reference_attend(p, causal{});
  CHECK(distance(attend_in_chunks<float>(machine, p, 3, causal{}, scaled{}, softmax{}, fixed_split{.length = 128}), want) <= 2e-6);
  CHECK(distance(attend_in_chunks<float>(machine, p, 1, causal{}, scaled{}, softmax{}, sequential{}), want) <= 2e-6);
  CHECK(distance(attend_in_chunks<float>(machine, p, 2, causal{}, scaled{}, softmax{}, any{}), want) <= 2e-6);
}

TEST_CASE("no key at all, and more queries than keys") {
  const cpu machine;
  const attention_problem p({2, 1, 16, 16}, 20, 7, 12);
  std::vector<float> out(p.outputs(), 1.0f);
  const auto one = [&](auto data, index_t tokens, index_t head_count) { return view(data, 1, tokens, head_count, 16); };
  const std::vector<std::int32_t> ids(7, 1);
  const auto check = [&](const auto& mask) {
    attend(machine, view<const float, 4>(one(p.q.data(), 20, 2)), view<const float, 4>(one(p.k.data(), 7, 1)), view<const float, 4>(one(p.v.data(), 7, 1)),
           view<float, 4>(one(out.data(), 20, 2)), mask);
    CHECK(distance(out, reference_attend(p, mask)) <= 2e-6);
  };
  check(full{});
  check(causal{});
  check(chunk{.length = 3});
  check(document{ids.data()});
  attend(machine, view<const float, 4>(one(p.q.data(), 20, 2)), view<const float, 4>(one(p.k.data(), 0, 1)), view<const float, 4>(one(p.v.data(), 0, 1)),
         view<float, 4>(one(out.data(), 20, 2)), causal{});
  for (const float x : out) CHECK(x == 0);
}

TEST_CASE("without a cache, in batches") {
  const cpu machine;
  const attention_problem a({4, 2, 16, 24}, 30, 50, 9), b({4, 2, 16, 24}, 30, 50, 10);
  const auto joined = [](std::vector<float> x, const std::vector<float>& y) {
    x.insert(x.end(), y.begin(), y.end());
    return x;
  };
  const std::vector<float> q = joined(a.q, b.q), k = joined(a.k, b.k), v = joined(a.v, b.v);
  const std::int32_t lengths[] = {50, 31};
  std::vector<float> out(2 * a.outputs());
  attend(machine, view<const float, 4>(q.data(), 2, 30, 4, 16), view<const float, 4>(k.data(), 2, 50, 2, 16), view<const float, 4>(v.data(), 2, 50, 2, 24),
         view<float, 4>(out.data(), 2, 30, 4, 24), causal{} & padding{lengths});
  const auto half = static_cast<std::ptrdiff_t>(a.outputs());
  CHECK(distance({out.begin(), out.begin() + half}, reference_attend(a, causal{} & padding{lengths}, scaled{}, softmax{}, nullptr, 0)) <= 2e-6);
  CHECK(distance({out.begin() + half, out.end()}, reference_attend(b, causal{} & padding{lengths}, scaled{}, softmax{}, nullptr, 1)) <= 2e-6);
}

TEST_CASE("calls that do not fit are refused in one sentence") {
  const cpu machine;
  const heads shape{4, 2, 16, 16};
  const buffer memory(cache_bytes<float>(machine, shape, 8)), scratch(attention_scratch(machine, shape, 8, 8));
  std::vector<float> x(4 * 8 * 16);
  cache_view<float> cache{.data = memory.data(), .shape = shape, .capacity = 8};
  const view<const float, 3> kv(x.data(), 4, 2, 16), q(x.data(), 4, 4, 16);
  const view<float, 3> out(x.data(), 4, 4, 16);
  CHECK_THROWS_AS(append(machine, cache, kv, kv, 5), error);
  CHECK_THROWS_AS(append(machine, cache, q, kv, 0), error);
  append(machine, cache, kv, kv, 4);
  CHECK(cache.length == 8);
  CHECK_THROWS_AS((attend<16, 8>(machine, q, cache, out, causal{}, scaled{}, scratch.data())), error);
  CHECK_THROWS_AS((attend<16, 16>(machine, kv, cache, out, causal{}, scaled{}, scratch.data())), error);
  CHECK_THROWS_AS((attend<16, 16>(machine, q, cache, out, causal{}, scaled{}, scratch.data(), softmax{}, fixed_split{.length = 100})), error);
  const view<float, 2> short_sums(x.data(), 3, 4);
  CHECK_THROWS_WITH_AS((attend<16, 16>(machine, q, cache, out, causal{}, scaled{}, scratch.data(), softmax{}, fixed_split{}, short_sums)),
                       doctest::Contains("[log_sum_exp] of attend must be [4, 4]"), error);
}

}  // namespace tenon
