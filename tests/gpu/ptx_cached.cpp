// Attention over a cache as models call it, as the PTX that nvcc makes of its kernels for sm_80, executed and compared with the reference.
#include "ptx_machine.hpp"

#include <algorithm>

#include <tenon/kernels/reference/attention.hpp>

#include "../support/device_numbers.hpp"
#include "cached_problems.hpp"

namespace {
using kernels = tenon_test::cached_kernels<tenon_test::ptx_leaf, tenon::words_of<tenon::sm80>>;
}
TENON_TEST_NAME(round_rows, kernels::round)
TENON_TEST_GATHERED_KERNELS(TENON_TEST_NAME)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, 64)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, 128)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, 64)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, 128)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, paged)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, paged)

namespace {

using namespace tenon;
using namespace tenon::testing;
using namespace tenon_test;

std::vector<float> rounded_noise(index_t count, unsigned seed) {
  auto out = noise(count, seed);
  for (float& x : out) x = static_cast<float>(bf16(x));
  return out;
}

/// Queries [first, length) over a cache of `length` keys with room for `capacity`, in splits of 128; contiguous, or in pages of 128 keys in reverse order.
template <int Query, int Kv, int Dim, bool Paged = false>
std::vector<float> check(const ptx_machine& machine, index_t first, index_t length, index_t capacity) {
  constexpr heads shape{Query, Kv, Dim, Dim};
  constexpr fixed_split split{.length = 128};
  const index_t queries = length - first;
  auto q = rounded_noise(length * Query * Dim, 1);
  q.erase(q.begin(), q.begin() + first * Query * Dim);
  const auto k = rounded_noise(length * Kv * Dim, 2), v = rounded_noise(length * Kv * Dim, 3);
  ptx::Buffer<bf16> memory(cache_bytes<bf16>(machine, shape, capacity) / sizeof(bf16), "cache");
  on_ptx place(std::vector<std::int32_t>{static_cast<std::int32_t>(first), static_cast<std::int32_t>(length)}, "place");
  std::vector<std::int32_t> reversed;
  for (index_t page = capacity / 128; page-- > 0;) reversed.push_back(static_cast<std::int32_t>(page));
  on_ptx table(reversed, "pages");
  const auto cache = [&] {
    auto* const data = reinterpret_cast<std::byte*>(memory.data());
    if constexpr (Paged)
      return paged_device_cache<Query, Kv, Dim>{.data = data, .capacity = capacity, .length = length, .pages = table.data(), .page_keys = 128, .length_at = place.data() + 1};
    else
      return device_cache<Query, Kv, Dim>{.data = data, .shape = shape, .capacity = capacity, .length = length, .length_at = place.data() + 1};
  }();
  for (index_t t = 0; t < length; ++t)
    for (index_t h = 0; h < Kv; ++h)
      for (index_t d = 0; d < Dim; ++d) {
        const auto from = static_cast<std::size_t>((t * Kv + h) * Dim + d);
        const index_t page = Paged ? table[static_cast<std::size_t>(t / 128)] * 2 * Kv * 128 * Dim : 0, at = page + h * cache.head_stride() + (Paged ? t % 128 : t) * Dim + d;
        cache.keys()[at] = bf16(k[from]), cache.values()[at] = bf16(v[from]);
      }
  on_ptx on_q(q, "q");
  ptx::Buffer<float> out(q.size(), "out");
  ptx::Buffer<std::byte> scratch(attention_scratch(machine, shape, queries, capacity, split), "scratch");
  attend<Dim, Dim>(machine, view<const float, 3>(on_q.data(), queries, Query, Dim), cache, view<float, 3>(out.data(), queries, Query, Dim), causal{}, scaled{}, scratch.data(), softmax{}, split);
  std::vector<double> want(q.size());
  reference::attend(view<const float, 3>(q.data(), queries, Query, Dim), view<const float, 3>(k.data(), length, Kv, Dim), view<const float, 3>(v.data(), length, Kv, Dim),
                    view<double, 3>(want.data(), queries, Query, Dim), causal{}, scaled{});
  CHECK(apart(out, want) < 3e-3);
  return {out.data(), out.data() + out.size()};
}

TEST_CASE("one query, a few and many over a cache that is longer than they see; the same bits in every way") {
  ptx::Module module = ptx::load(TENON_TEST_PTX);
  std::vector<float> first[6];
  for (const ptx::Options& way : ptx_ways()) {
    const ptx_machine machine(module, way);
    const std::vector<float> now[] = {check<6, 2, 64>(machine, 200, 201, 600), check<6, 2, 64>(machine, 130, 201, 260), check<4, 1, 128>(machine, 137, 140, 140),
                                      check<4, 1, 128>(machine, 0, 70, 70), check<6, 2, 64, true>(machine, 200, 201, 640), check<6, 2, 64, true>(machine, 130, 201, 256)};
    for (int i = 0; i < 6; ++i) {
      if (first[i].empty()) first[i] = now[i];
      CHECK(first[i] == now[i]);
    }
  }
  // The last query alone, and among others; wherever the keys lie.
  CHECK(std::equal(first[0].begin(), first[0].end(), first[1].end() - 6 * 64));
  CHECK((first[4] == first[0] && first[5] == first[1]));
}

/// Rows [first, length) of `heads` of them, and what is seen of keys and values.
struct gathered_case {
  index_t length, first, query, kv, dim;
  std::vector<float> q, k, v;
  gathered_case(heads shape, index_t first_query, index_t keys)
      : length(keys), first(first_query), query(shape.query), kv(shape.kv), dim(shape.dim), q(rounded_noise((keys - first) * query * dim, 1)), k(rounded_noise(keys * kv * dim, 2)),
        v(rounded_noise(keys * kv * dim, 3)) {}
  /// [kv head, slot, dim] of the keys at these positions, and behind them of their values, with room for `capacity`.
  std::vector<bf16> cache(const std::vector<std::int32_t>& positions, index_t capacity) const {
    std::vector<bf16> out(static_cast<std::size_t>(2 * kv * capacity * dim));
    for (index_t h = 0; h < kv; ++h)
      for (std::size_t slot = 0; slot < positions.size(); ++slot)
        for (index_t d = 0; d < dim; ++d) {
          const auto from = static_cast<std::size_t>((positions[slot] * kv + h) * dim + d), to = static_cast<std::size_t>((h * capacity + static_cast<index_t>(slot)) * dim + d);
          out[to] = bf16(k[from]), out[to + out.size() / 2] = bf16(v[from]);
        }
    return out;
  }
  template <class Mask, class Score, class Weighting = softmax>
  std::vector<double> reference(const Mask& mask, const Score& score, const Weighting& weighting = {}) const {
    std::vector<double> want(q.size());
    reference::attend(view<const float, 3>(q.data(), length - first, query, dim), view<const float, 3>(k.data(), length, kv, dim), view<const float, 3>(v.data(), length, kv, dim),
                      view<double, 3>(want.data(), length - first, query, dim), mask, score, weighting);
    return want;
  }
};

/// Causal, of some keys.
struct of_some {
  const std::vector<std::int32_t>& positions;
  constexpr bool keep(position p) const { return p.key <= p.query && std::binary_search(positions.begin(), positions.end(), p.key); }
  constexpr cover covers(tile) const { return cover::some; }
};

TEST_CASE("some of the keys, each with a number of its own: one query and many, of whom the first see none") {
  ptx::Module module = ptx::load(TENON_TEST_PTX);
  for (const ptx::Options& way : ptx_ways()) {
    const ptx_machine machine(module, way);
    for (const index_t first : {199, 0}) {
      constexpr index_t length = 200, capacity = 220;
      constexpr heads shape{4, 2, 64, 64};
      const gathered_case c(shape, first, length);
      std::vector<std::int32_t> positions;
      for (std::int32_t p = 5; p < length; p += 1 + p % 3) positions.push_back(p);
      const auto kept = static_cast<std::int32_t>(positions.size());
      std::vector<float> gates = noise(length, 4), of_kept;
      for (const std::int32_t p : positions) of_kept.push_back(gates[static_cast<std::size_t>(p)]);
      const device_numbers memory(machine, c.cache(positions, capacity));
      const device_numbers on_gates(machine, of_kept), on_q(machine, c.q);
      const device_numbers on_positions(machine, positions), tally(machine, std::vector<std::int32_t>{kept, static_cast<std::int32_t>(length) - kept});
      const device_cache<4, 2, 64> cache{
          .data = reinterpret_cast<std::byte*>(memory.data()), .shape = shape, .capacity = capacity, .length = length, .length_at = tally.data()};
      const index_t queries = length - first;
      const device_numbers<ptx_machine, float> out(machine, c.q.size());
      const device_numbers<ptx_machine, std::byte> scratch(machine, attention_scratch(machine, shape, queries, capacity, sequential{}));
      const gathered_keys<causal, read_later> mask{causal{}, on_positions.data(), read_later{tally.data() + 1}};
      attend<64, 64>(machine, view<const float, 3>(on_q.data(), queries, 4, 64), cache, view<float, 3>(out.data(), queries, 4, 64), mask, scaled{} >> key_bias{.values = on_gates.data()},
                     scratch.data(), softmax{}, sequential{});
      CHECK(apart(out.host(), c.reference(of_some{positions}, scaled{} >> key_bias{.values = gates.data()})) < 3e-3);
      if (first == 0) CHECK(out.host()[0] == 0);
    }
  }
}

TEST_CASE("some of the heads, each with a sink, as many as the machine has counted: of one token and of many; none of them") {
  ptx::Module module = ptx::load(TENON_TEST_PTX);
  for (const ptx::Options& way : ptx_ways()) {
    const ptx_machine machine(module, way);
    for (const auto& [first, threshold] : {std::pair<index_t, float>{149, 0.2f}, {70, 0.2f}, {149, 100.0f}}) {
      constexpr index_t length = 150;
      constexpr heads shape{4, 2, 128, 128};
      const gathered_case c(shape, first, length);
      std::vector<std::int32_t> all(length);
      for (std::int32_t p = 0; p < length; ++p) all[static_cast<std::size_t>(p)] = p;
      const index_t tokens = length - first;
      const auto weight = noise(tokens * 4, 5);
      const device_numbers memory(machine, c.cache(all, length));
      const device_numbers on_q(machine, c.q), on_weight(machine, weight);
      const device_numbers place(machine, std::vector<std::int32_t>{static_cast<std::int32_t>(length)});
      const device_numbers logits(machine, std::vector<float>{0.5f, -1.0f, 2.0f, 1.0f});
      const device_numbers tally(machine, std::vector<heads_tally>(2));
      const device_cache<4, 2, 128> cache{.data = reinterpret_cast<std::byte*>(memory.data()), .shape = shape, .capacity = length, .length = length, .length_at = place.data()};
      const device_numbers<ptx_machine, float> out(machine, c.q.size());
      const device_numbers<ptx_machine, std::byte> scratch(machine, attention_heads_scratch<bf16>(machine, shape, tokens, length));
      attend_heads<128, 128>(machine, view<const float, 3>(on_q.data(), tokens, 4, 128), cache, view<float, 3>(out.data(), tokens, 4, 128), {view<const float, 2>(on_weight.data(), tokens, 4), threshold},
                             causal{}, scaled{}, scratch.data(), tally.data(), sink{.logits = logits.data()});
      auto want = c.reference(causal{}, scaled{}, sink{.logits = logits.data()});
      std::int64_t left_out = 0;
      for (std::size_t i = 0; i < want.size(); ++i) {
        const float by = weight[i / 128];
        want[i] *= by < threshold ? 0.0 : static_cast<double>(by);
        left_out += i % 128 == 0 && by < threshold;
      }
      CHECK(apart(out.host(), want) < 3e-3);
      CHECK(tally.data()[0].left_out + tally.data()[1].left_out == left_out);
    }
  }
}

}  // namespace
