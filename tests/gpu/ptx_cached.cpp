// Attention over a cache as models call it, as the PTX that nvcc makes of its kernels for sm_80, executed and compared with the reference.
#include "ptx_machine.hpp"

#include <cmath>
#include <random>

#include <tenon/kernels/reference/attention.hpp>

#include "cached_problems.hpp"

namespace {
using kernels = tenon_test::cached_kernels<tenon_test::ptx_leaf, tenon::words_of<tenon::sm80>>;
}
TENON_TEST_NAME(round_rows, kernels::round)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, 64)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, 128)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, 64)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, 128)
TENON_TEST_KERNELS_OF(TENON_TEST_NAME, paged)
TENON_TEST_FEW_KERNELS_OF(TENON_TEST_NAME, paged)

namespace {

using namespace tenon;
using namespace tenon_test;

std::vector<float> rounded_noise(index_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& x : out) x = static_cast<float>(bf16(normal(random)));
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
  double off = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) off += (static_cast<double>(out[i]) - want[i]) * (static_cast<double>(out[i]) - want[i]), size += want[i] * want[i];
  CHECK(std::sqrt(off / size) < 3e-3);
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

}  // namespace
