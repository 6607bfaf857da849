// Attention over a cache in pages on GPUs: where the pages lie, and how large they are, shows in no bit. On others: exhaustive/paged_*.cpp.
#include "device_case.hpp"

#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

constexpr int query_heads = 6, kv_heads = 2, dim = 64;
constexpr heads shape{query_heads, kv_heads, dim, dim};
constexpr auto mask = causal{} & window{.width = 280};

/// Keys of `length` tokens in a cache, appended in two parts, and what queries [first, length) see there.
template <class Machine, class Cache>
std::vector<float> attended(const Machine& machine, Cache cache, index_t first, index_t length) {
  const auto k = noise(length * kv_heads * dim, 2), v = noise(length * kv_heads * dim, 3), q = noise(length * query_heads * dim, 1);
  const device_numbers on_k(machine, k), on_v(machine, v), on_q(machine, std::vector<float>(q.begin() + first * query_heads * dim, q.end()));
  const auto rows = [&](const auto& of, index_t from, index_t count) { return view<const float, 3>(of.data() + from * kv_heads * dim, count, kv_heads, dim); };
  const index_t half = length / 2, queries = length - first;
  const device_numbers early(machine, std::vector<std::int32_t>{0, static_cast<std::int32_t>(half)}),
      late(machine, std::vector<std::int32_t>{static_cast<std::int32_t>(half), static_cast<std::int32_t>(length)});
  append(machine, cache, rows(on_k, 0, half), rows(on_v, 0, half), {0, early.data()});
  append(machine, cache, rows(on_k, half, length - half), rows(on_v, half, length - half), {half, late.data()});
  const device_numbers<Machine, float> out(machine, static_cast<std::size_t>(queries * query_heads * dim));
  constexpr fixed_split split{.length = 128};
  const device_numbers<Machine, std::byte> scratch(machine, attention_scratch(machine, shape, queries, cache.capacity, split));
  attend<dim, dim>(machine, view<const float, 3>(on_q.data(), queries, query_heads, dim), cache, view<float, 3>(out.data(), queries, query_heads, dim), mask, scaled{}, scratch.data(), softmax{}, split);
  return out.host();
}

TEST_CASE("the bits of a contiguous cache: one query, a few, many; pages of one block and of several, with room between them") {
  on_simulated_gpus([]<class Machine>(const Machine& machine) {
    constexpr index_t length = 331;
    const struct {
      index_t page_keys, page_stride;
      std::vector<std::int32_t> table;
    } layouts[] = {{128, 0, {4, 1, 5}}, {256, 3 * 65536 / 2 + 65536, {2, 0}}};
    for (const index_t first : {length - 1, length - 5, length - 80}) {
      const device_numbers<Machine, std::byte> memory(machine, cache_bytes<bf16>(machine, shape, 384));
      const auto want = attended(machine, device_cache<query_heads, kv_heads, dim>{.data = memory.data(), .shape = shape, .capacity = 384}, first, length);
      for (const auto& [page_keys, page_stride, table] : layouts) {
        CAPTURE(page_keys);
        const std::size_t bytes = page_stride != 0 ? static_cast<std::size_t>(page_stride) : page_bytes<bf16>(machine, shape, page_keys);
        const device_numbers<Machine, std::byte> pool(machine, 6 * bytes);
        const device_numbers on_table(machine, table);
        const paged_device_cache<query_heads, kv_heads, dim> cache{.data = pool.data(),
                                                                   .capacity = page_keys * static_cast<index_t>(table.size()),
                                                                   .pages = on_table.data(),
                                                                   .page_keys = page_keys,
                                                                   .page_stride = page_stride};
        CHECK(attended(machine, cache, first, length) == want);
      }
    }
  });
}

TEST_CASE("pages that no block fits are refused") {
  const simulated<sm80> machine;
  paged_device_cache<query_heads, kv_heads, dim> cache{.capacity = 384, .page_keys = 96};
  const view<const float, 3> q(nullptr, 1, query_heads, dim);
  const auto call = [&] { attend<dim, dim>(machine, q, cache, view<float, 3>(nullptr, 1, query_heads, dim), causal{}, scaled{}, nullptr); };
  CHECK_THROWS_WITH_AS(call(), doctest::Contains("[cache.page_keys] is 96: on a GPU"), error);
  cache.page_keys = 256;
  CHECK_THROWS_WITH_AS(call(), doctest::Contains("[cache.capacity] is 384"), error);
  cache.capacity = 512, cache.page_stride = 6 * 65536 + 64;
  CHECK_THROWS_WITH_AS(call(), doctest::Contains("[cache.page_stride] is 393280 bytes: pages are whole heads of "), error);
}

}  // namespace
