// Attention of the heads that weigh enough, under sinks and sigmoid, on GPUs: against the reference in double; the others 0 and counted. On others:
// exhaustive/attend_heads_others.cpp.
#include "device_case.hpp"

#include <tenon/kernels/reference/attention.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

constexpr int query_heads = 6, kv_heads = 2, dim = 64;
constexpr heads shape{query_heads, kv_heads, dim, dim};
constexpr auto mask = causal{} & !prefix{.length = 3};  // the first queries see no key

// The last `tokens` queries of a sequence of `length`, of which about `share` heads are computed. `exact`: what the reference weighs by.
template <class Machine, class Exact, class Weighting>
void check(const Machine& machine, index_t tokens, index_t length, float share, const Exact& exact, const Weighting& weighting) {
  CAPTURE(tokens);
  CAPTURE(share);
  const auto rounded = [](std::vector<float> x) {
    for (float& v : x) v = static_cast<float>(bf16(v));
    return x;
  };
  const auto q = rounded(noise(tokens * query_heads * dim, 1)), k = rounded(noise(length * kv_heads * dim, 2)), v = rounded(noise(length * kv_heads * dim, 3));
  auto weights = noise(tokens * query_heads, 4);
  for (float& w : weights) w = 1 / (1 + std::exp(-w));
  const float threshold = 1 - share;
  const device_numbers on_q(machine, q), on_k(machine, k), on_v(machine, v), on_weights(machine, weights);
  const device_numbers place(machine, std::vector<std::int32_t>{0, static_cast<std::int32_t>(length)});
  const device_numbers<Machine, std::byte> memory(machine, cache_bytes<bf16>(machine, shape, length + 5)), scratch(machine, attention_heads_scratch<bf16>(machine, shape, tokens, length + 5));
  device_cache<query_heads, kv_heads, dim> cache{.data = memory.data(), .shape = shape, .capacity = length + 5};
  append(machine, cache, view<const float, 3>(on_k.data(), length, kv_heads, dim), view<const float, 3>(on_v.data(), length, kv_heads, dim), {0, place.data()});
  const device_numbers<Machine, float> out(machine, std::vector<float>(q.size(), NAN));
  const device_numbers tally(machine, std::vector<heads_tally>(kv_heads));
  const head_choice choice{view<const float, 2>(on_weights.data(), tokens, query_heads), threshold};
  attend_heads<dim, dim>(machine, view<const float, 3>(on_q.data(), tokens, query_heads, dim), cache, view<float, 3>(out.data(), tokens, query_heads, dim), choice, mask, scaled{}, scratch.data(),
                         tally.data(), weighting);
  std::vector<double> want(q.size());
  reference::attend(view<const float, 3>(q.data(), tokens, query_heads, dim), view<const float, 3>(k.data(), length, kv_heads, dim), view<const float, 3>(v.data(), length, kv_heads, dim),
                    view<double, 3>(want.data(), tokens, query_heads, dim), mask, scaled{}, exact);
  const auto got = out.host();
  std::int64_t light = 0, not_zero = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const float weight = weights[i / dim];
    want[i] = weight < threshold ? 0 : weight * want[i];
    if (weight < threshold && i % dim == 0) ++light;
    not_zero += want[i] == 0 && got[i] != 0;
  }
  CHECK(not_zero == 0);
  CHECK(apart(got, want) < 3e-3);
  std::int64_t left_out = 0;
  for (const heads_tally& of : tally.host()) left_out += of.left_out;
  CHECK(left_out == light);
  CHECK((share == 0 || light < tokens * query_heads));
}

TEST_CASE("a sink of its own for each chosen head, or none; weights that do not compete") {
  on_simulated_gpus([](const auto& machine) {
    const std::vector<float> logits{0.5f, -1.0f, 3.0f, 0.0f, 1.5f, -40.0f};
    const device_numbers on_logits(machine, logits);
    const sink sinks{.logits = logits.data()}, on_machine{.logits = on_logits.data()};
    for (const auto& [tokens, length] : {std::pair<index_t, index_t>{2, 600}, {70, 70}}) {  // few rows over two splits, many
      check(machine, tokens, length, 0.5f, sinks, on_machine);
      check(machine, tokens, length, 0.5f, sigmoid{.bias = -2}, sigmoid{.bias = -2});
    }
    check(machine, 2, 9, 1.0f, softmax{}, sink{.logits = nullptr});
    check(machine, 2, 9, 0.0f, sinks, on_machine);
  });
}

}  // namespace
