// The attention kernel of sm_90a in both schedules, executed: against the reference in double, without a fault, whatever the order of warps and
// whenever copies and products land; and the same bits in order and overlapped.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "attention_runs.hpp"
#include "sm90a_case.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

using leaf = simulated<sm90a>::leaf;

template <class Problem>
std::vector<typename Problem::out> check(attention_case<Problem> c, const std::vector<int>& lengths = {}) {
  using words = sm90a_attention<leaf, Problem>;
  auto a = c.arguments();
  if (!lengths.empty()) a.lengths = lengths.data();
  const auto call = with_maps<words>(a, c.sizes.batch);
  std::vector<double> want = c.reference();
  std::vector<typename Problem::out> first;
  for (const order& o : orders)
    for (const bool overlap : {false, true}) {
      const simulated<sm90a> machine({.schedule = o.schedule, .seed = 11, .copies = o.copies});
      machine.readable(lengths.data(), lengths.size() * sizeof(int), "lengths");
      if (overlap)
        c.template launch<words>(machine, attention_tensor_body<overlapped, leaf, words, Problem>{call});
      else
        c.template launch<words>(machine, attention_tensor_body<in_order, leaf, words, Problem>{call});
      CAPTURE(overlap);
      CAPTURE(c.sizes.queries);
      CAPTURE(c.sizes.keys);
      CAPTURE(machine.report().text());
      CHECK(machine.report().clean());
      CHECK(machine.report().bank_conflicts == 0);
      if (lengths.empty()) CHECK(c.distance(want) <= 5e-3);
      if (first.empty()) first = c.out.all;
      CHECK(std::memcmp(first.data(), c.out.all.data(), c.out.bytes()) == 0);
    }
  return first;
}

TEST_CASE("causal, ragged, grouped heads") {
  using causal_64 = attention_problem<causal, scaled, 64>;
  for (const attention_sizes s : {attention_sizes{1, 1, 1, 1, 1}, {1, 2, 1, 150, 150}, {1, 1, 1, 5, 400}}) check<causal_64>({s, {}});
  check<attention_problem<causal, scaled, 128>>({{1, 2, 2, 130, 260}, {}});
  check<attention_problem<causal, scaled, 64, 4>>({{1, 8, 2, 37, 150}, {}});
}

TEST_CASE("masks and scores") {
  using capped = decltype(scaled{} >> soft_cap{.cap = 5.0f});
  using windowed = decltype(causal{} & window{.width = 1});
  check<attention_problem<windowed, capped, 64>>({{1, 2, 1, 90, 350}, causal{} & window{.width = 140}, scaled{} >> soft_cap{.cap = 5.0f}});
  check<attention_problem<full, scaled, 64>>({{1, 1, 1, 20, 200}, {}, {.factor = -0.2f}});
}

TEST_CASE("rows that see nothing are zero; fp32 out; sinks") {
  using blind = attention_problem<nothing_before, scaled, 64, 1, softmax, float>;
  check<blind>({{1, 1, 1, 300, 300}, {.query = 140}});  // whole tiles of rows
  check<blind>({{1, 1, 1, 20, 20}, {.query = 1000}});
  using with_sinks = attention_problem<causal, scaled, 64, 1, sink>;
  const std::vector<float> logits{0.5f, -3.0f};
  attention_case<with_sinks> c({1, 2, 1, 30, 30}, {}, {}, {.logits = logits.data()});
  c.operands = logits;
  check(c);
}

TEST_CASE("sequences shorter than the cache: what follows their last value is not seen, whatever it is") {
  using causal_64 = attention_problem<causal, scaled, 64>;
  attention_case<causal_64> both({2, 1, 1, 30, 260}, {});
  const std::vector<int> lengths{260, 140};
  attention_case<causal_64> alone({1, 1, 1, 30, 140}, {});
  std::copy_n(both.q.all.begin() + 30 * 64, 30 * 64, alone.q.all.begin());
  std::copy_n(both.keys.all.begin() + 260 * 64, 140 * 64, alone.keys.all.begin());
  std::copy_n(both.values.all.begin() + 260 * 64, 140 * 64, alone.values.all.begin());
  for (std::size_t i = (260 + 140) * 64; i < both.values.count; ++i) both.values.all[i] = both.keys.all[i] = bf16(std::numeric_limits<float>::quiet_NaN());
  const std::vector<bf16> got = check(both, lengths), want = check(alone);
  CHECK(std::memcmp(got.data() + 30 * 64, want.data(), 30 * 64 * sizeof(bf16)) == 0);
}

}  // namespace
