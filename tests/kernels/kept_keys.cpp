// A cache of some of the keys: rows that are no neighbours are moved whole, and what does not fit changes nothing.
#include <algorithm>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include <tenon/kernels/launch/kept_keys.hpp>

using namespace tenon;

namespace {
constexpr heads shape{1, 1, 8, 8};

struct kept_case {
  explicit kept_case(index_t capacity) : cache_memory(cache_bytes<float>(machine, shape, capacity)), beside(kept_keys_bytes(machine, capacity) + 64) {
    std::fill_n(beside.data(), beside.size(), std::byte{0x5a});
    cache = {.data = cache_memory.data(), .shape = shape, .capacity = capacity, .length = 0};
    list = kept_keys<cpu>(machine, beside.data(), capacity);
  }
  // Tokens whose every dim is their number, k and v side by side, tokens 24 floats apart.
  index_t append(const std::vector<float>& gates, index_t first) {
    const auto tokens = static_cast<index_t>(gates.size());
    std::vector<float> both(static_cast<std::size_t>(24 * tokens), -1.0f);
    for (index_t t = 0; t < tokens; ++t)
      for (index_t i = 0; i < 16; ++i) both[static_cast<std::size_t>(24 * t + i)] = static_cast<float>(first + t);
    view<float, 3> k(both.data(), tokens, 1, 8), v(both.data() + 8, tokens, 1, 8);
    k.stride[0] = v.stride[0] = 24;
    const index_t left_out = append_kept(machine, cache, list, view<const float, 2>(gates.data(), tokens, 1), 0.5f, k, v, first);
    for (index_t t = 0; t < tokens; ++t)
      for (index_t i = 16; i < 24; ++i) CHECK(both[static_cast<std::size_t>(24 * t + i)] == -1.0f);  // what stands beside the rows
    return left_out;
  }

  cpu machine{{.threads = 1}};
  buffer cache_memory, beside;
  cache_view<float> cache;
  kept_keys<cpu> list;
};
}  // namespace

TEST_CASE("the keys that are kept are those of the open gates") {
  kept_case c(16);
  CHECK(c.append({-1, 2, -3, 4, 5}, 0) == 2);
  CHECK(c.cache.length == 3);
  CHECK(std::vector<int>(c.list.positions, c.list.positions + 3) == std::vector<int>{1, 3, 4});
  const float* keys = reinterpret_cast<const float*>(c.cache.data + atoms::cpu_cache<float>(8, 8, 16).key_panel(0, 0));
  for (int i = 0; i < 3; ++i) CHECK(keys[i] == static_cast<float>(c.list.positions[i]));  // dim 0 of each
  CHECK(c.append({1}, 3) == 0);  // what was read from there on is forgotten
  CHECK(c.cache.length == 2);
  CHECK(std::vector<int>(c.list.positions, c.list.positions + 2) == std::vector<int>{1, 3});
}

TEST_CASE("what does not fit is refused before anything is written") {
  kept_case c(16);
  c.append(std::vector<float>(16, 1.0f), 0);
  const std::vector<std::byte> before(c.beside.data(), c.beside.data() + c.beside.size());
  CHECK_THROWS_WITH_AS(c.append({1}, 16), doctest::Contains("do not fit a cache of 16 keys"), error);
  CHECK(std::equal(before.begin(), before.end(), c.beside.data()));
  CHECK(c.cache.length == 16);
  std::vector<float> rows(64);
  const view<float, 3> two(rows.data(), 2, 1, 8);
  CHECK_THROWS_WITH_AS(append_kept(c.machine, c.cache, c.list, view<const float, 2>(rows.data(), 1, 1), 0.5f, two, two, 0), doctest::Contains("[gate] of append_kept must be [2, 1]"), error);
}
