// A cache of 8 bits as models call it, as the PTX that nvcc makes of its kernels for sm_80, in ptx_cached_8bit_sm90a.cpp for sm_90a, executed: a processor's
// bytes, and attention near the reference on the numbers that these stand for.
#include "ptx_machine.hpp"

#include <cmath>
#include <utility>

#include <tenon/kernels/reference/attention.hpp>

#include "../support/cache_8bit.hpp"
#include "cached_problems.hpp"

namespace {
#if defined(TENON_TEST_BODIES)  // ptx_cached_8bit_sm90a.cpp
using machine_arch = tenon::sm90a;
using kernels = tenon_test::cached_kernels<tenon_test::ptx_leaf, tenon::words_of<machine_arch>, TENON_TEST_BODIES>;
#else
using machine_arch = tenon::sm80;
using kernels = tenon_test::cached_kernels<tenon_test::ptx_leaf, tenon::words_of<machine_arch>>;
#endif
}
TENON_TEST_NAME(round_rows, kernels::round)
TENON_TEST_NAME(append_int8, kernels::append<tenon::int8_per_128>)
TENON_TEST_NAME(append_e4m3, kernels::append<tenon::e4m3_per_128>)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, int8)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, int8)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, e4m3)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, e4m3)

namespace {

using namespace tenon;
using namespace tenon_test;

/// Queries [first, tokens) over the tokens of `host`. Their results, and how far these are from the reference.
template <class Machine, class Cache, class Host>
std::pair<std::vector<float>, double> attended(const Machine& machine, Cache cache, const Host& host, index_t first, index_t tokens, fixed_split split) {
  constexpr int Query = Cache::query_heads, Kv = Cache::kv_heads, Dim = Cache::dim;
  on_ptx k(host.k, "k"), v(host.v, "v");
  on_ptx places(places_of_halves(tokens), "places");
  append_in_halves(machine, cache, k.data(), v.data(), places.data(), tokens);
  if constexpr (std::is_same_v<typename Cache::layout, dense_keys>) CHECK((same_bytes(cache, cache.keys(), host.keys, tokens) && same_bytes(cache, cache.values(), host.values, tokens)));

  const index_t queries = tokens - first;
  auto q = normal_floats(queries * Query * Dim, 1);
  for (float& x : q) x = static_cast<float>(bf16(x));
  on_ptx on_q(q, "q");
  ptx::Buffer<float> out(q.size(), "out");
  ptx::Buffer<std::byte> scratch(attention_scratch(machine, cache.shape, queries, cache.capacity, split), "scratch");
  attend<Dim, Dim>(machine, view<const float, 3>(on_q.data(), queries, Query, Dim), cache, view<float, 3>(out.data(), queries, Query, Dim), causal{}, scaled{}, scratch.data(), softmax{}, split);
  std::vector<double> want(q.size());
  reference::attend(view<const float, 3>(q.data(), queries, Query, Dim), view<const float, 3>(host.keys.values.data(), tokens, Kv, Dim),
                    view<const float, 3>(host.values.values.data(), tokens, Kv, Dim), view<double, 3>(want.data(), queries, Query, Dim), causal{}, scaled{});
  double off = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) off += (static_cast<double>(out[i]) - want[i]) * (static_cast<double>(out[i]) - want[i]), size += want[i] * want[i];
  return {{out.data(), out.data() + out.size()}, std::sqrt(off / size)};
}
/// In splits of 128; `cache` has room for 256.
template <class Machine, class Cache, class Host>
std::vector<float> check(const Machine& machine, Cache cache, const Host& host, index_t first, index_t tokens) {
  const auto [out, away] = attended(machine, cache, host, first, tokens, {.length = 128});
  CHECK(away < 5e-3);
  return out;
}

TEST_CASE("int8 contiguous, e4m3 in pages: one query and many, the same bits in every way") {
  ptx::Module module = ptx::load(TENON_TEST_PTX);
  constexpr index_t tokens = 201;
  const host_cache<int8_per_128, 2, 64> of_int8(tokens, false);
  const host_cache<e4m3_per_128, 1, 128> of_e4m3(tokens, false);
  std::vector<std::vector<float>> before;
  for (const ptx::Options& way : ptx_ways()) {
    const ptx_machine_of<machine_arch> machine(module, way);
    constexpr heads narrow{6, 2, 64, 64}, wide{4, 1, 128, 128};
    ptx::Buffer<std::byte> memory(cache_bytes<int8_per_128>(machine, narrow, 256), "cache"), pool(3 * page_bytes<e4m3_per_128>(machine, wide, 128), "pool");
    on_ptx table(std::vector<std::int32_t>{2, 0}, "table");
    const device_cache<6, 2, 64, int8_per_128> whole{.data = memory.data(), .shape = narrow, .capacity = 256};
    const paged_device_cache<4, 1, 128, e4m3_per_128> paged{.data = pool.data(), .shape = wide, .capacity = 256, .pages = table.data(), .page_keys = 128};
    const std::vector<std::vector<float>> now = {check(machine, whole, of_int8, 200, tokens), check(machine, whole, of_int8, 150, tokens), check(machine, paged, of_e4m3, 200, tokens),
                                                 check(machine, paged, of_e4m3, 150, tokens)};
    if (before.empty()) before = now;
    CHECK(now == before);
  }
}

}  // namespace
