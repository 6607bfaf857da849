// Attention over parts of the keys, combined, is attention over all of them.
#include "../support/attention_problem.hpp"

#include <tenon/kernels/launch/combine.hpp>
#include <tenon/policies/gathered.hpp>

namespace tenon {
namespace {

using namespace testing;
constexpr float nothing = -std::numeric_limits<float>::infinity();

struct part {
  std::vector<float> out, sums;
  heads shape;
  view<float, 3> results() { return {out.data(), static_cast<index_t>(out.size()) / (shape.query * shape.dim_v), shape.query, shape.dim_v}; }
  view<float, 2> log_sum_exp() { return {sums.data(), static_cast<index_t>(sums.size()) / shape.query, shape.query}; }
};
part none_of_keys(const attention_problem& p) {
  return {std::vector<float>(p.outputs()), std::vector<float>(static_cast<std::size_t>(p.queries * p.shape.query), nothing), p.shape};
}

// Keys [from, to) in a cache of their own: where they stand is told to the policies.
template <class Mask, class Score>
part over(const attention_problem& p, index_t from, index_t to, const Mask& mask, const Score& score) {
  const cpu machine({.threads = 2});
  part made = none_of_keys(p);
  const index_t count = to - from;
  if (count == 0) return made;
  std::vector<std::int32_t> keys(static_cast<std::size_t>(count));
  for (std::size_t j = 0; j < keys.size(); ++j) keys[j] = static_cast<std::int32_t>(from) + static_cast<std::int32_t>(j);
  const int shift = static_cast<int>(p.keys - count);
  const gathered_keys<Mask> seen{mask, keys.data(), shift};
  const gathered_keys<Score> scored{score, keys.data(), shift};
  const buffer memory(cache_bytes<float>(machine, p.shape, count)), scratch(attention_scratch(machine, p.shape, p.queries, count));
  cache_view<float> cache{.data = memory.data(), .shape = p.shape, .capacity = count};
  append(machine, cache, p.key().rows(from, count), p.value().rows(from, count), 0);
  attend<0, 0>(machine, p.query(), cache, made.results(), seen, scored, scratch.data(), softmax{}, fixed_split{}, made.log_sum_exp());
  return made;
}
void take(part& whole, part& next) { combine(cpu({.threads = 2}), next.results(), next.log_sum_exp(), whole.results(), whole.log_sum_exp()); }

std::vector<double> in_double(const std::vector<float>& x) { return {x.begin(), x.end()}; }

}  // namespace

TEST_CASE("parts in any number and order are one pass") {
  const std::vector<float> sinks = {0.5f, -1.0f, 3.0f, 0.0f, 1.5f, 40.0f};
  for (const auto& [queries, keys] : {std::pair(40, 300), std::pair(1, 700), std::pair(90, 60)}) {
    const attention_problem p({6, 2, 24, 40}, queries, keys, static_cast<unsigned>(keys), 3.0f);
    const auto mask = causal{} & window{.width = 150};  // whole parts are out of sight
    const auto score = soft_cap{.cap = 9.0f} >> alibi{.heads = 6};
    const std::vector<double> want = reference_attend(p, mask, score);
    part at_once = over(p, 0, keys, mask, score);
    CHECK(distance(at_once.out, want) <= 2e-6);
    for (const auto& cuts : {std::vector<index_t>{0, keys}, {0, 1, keys}, {0, keys / 3, keys / 3, keys / 2, keys}, {0, keys / 7, 2 * keys / 7, 5 * keys / 7, keys - 1, keys}})
      for (const bool backward : {false, true}) {
        CAPTURE(cuts.size());
        part whole = none_of_keys(p);
        for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
          const std::size_t at = backward ? cuts.size() - 2 - i : i;
          part next = over(p, cuts[at], cuts[at + 1], mask, score);
          take(whole, next);
        }
        CHECK(distance(whole.out, want) <= 2e-6);
        for (std::size_t i = 0; i < whole.sums.size(); ++i) CHECK((whole.sums[i] == at_once.sums[i] || std::fabs(whole.sums[i] - at_once.sums[i]) <= 2e-6f * (1 + std::fabs(at_once.sums[i]))));
        add_sinks(cpu(), sinks.data(), whole.log_sum_exp(), whole.results());
        CHECK(distance(whole.out, reference_attend(p, mask, score, sink{.logits = sinks.data()})) <= 2e-6);
      }
  }
}

TEST_CASE("what saw nothing changes no bit; scores far apart do not overflow") {
  const attention_problem p({2, 1, 8, 16}, 5, 30, 3);
  part whole = over(p, 0, 30, causal{}, scaled{.factor = 0.3f} >> alibi{.heads = 2});
  const part kept = whole;
  part empty = none_of_keys(p);
  take(whole, empty);
  CHECK((same_bits(whole.out, kept.out) && same_bits(whole.sums, kept.sums)));
  take(empty, whole);
  CHECK(same_bits(empty.out, kept.out));
  CHECK(distance(empty.sums, in_double(kept.sums)) <= 1e-7);
  part nowhere = none_of_keys(p), also = none_of_keys(p);
  take(nowhere, also);
  CHECK((nowhere.out == also.out && nowhere.sums == also.sums));
  const float sinks[] = {1.0f, -2.0f};
  add_sinks(cpu(), sinks, nowhere.log_sum_exp(), nowhere.results());
  for (const float x : nowhere.out) CHECK(x == 0);
  part far = kept;
  for (float& x : far.sums) x = 3e38f;
  part near = kept;
  for (float& x : near.sums) x = -3e38f;
  take(near, far);
  CHECK((same_bits(near.out, kept.out) && near.sums == far.sums));
}

TEST_CASE("parts that do not belong together are refused") {
  const attention_problem p({2, 1, 8, 16}, 5, 30, 3), q({2, 1, 8, 16}, 6, 30, 3);
  part a = none_of_keys(p), b = none_of_keys(q);
  CHECK_THROWS_AS(take(a, b), error);
  CHECK_THROWS_AS(combine(cpu(), a.results(), a.log_sum_exp(), a.results(), b.log_sum_exp()), error);
}

}  // namespace tenon
