// Pages of keys and values: what a sequence reads back is what was appended to it, whatever was forked, cut and let go around it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/runtime/pages.hpp>

namespace tenon {
namespace {

constexpr heads shape{4, 2, 16, 24};
using pool = page_pool<bf16, cpu>;
using paged = paged_sequence<bf16, cpu>;

// The key and value rows of a token in a layer, from its number alone.
std::vector<float> row(int token, index_t layer, index_t width) {
  std::mt19937 random(static_cast<unsigned>(token * 7 + layer));
  std::vector<float> out(static_cast<std::size_t>(2 * width));
  for (float& x : out) x = static_cast<float>(random() % 2001) * 1e-3f - 1;
  return out;
}
std::vector<float> rows(const std::vector<int>& tokens, index_t layer, index_t width) {
  std::vector<float> out;
  for (const int token : tokens)
    for (const float x : row(token, layer, width)) out.push_back(x);
  return out;
}
void write(const cpu& machine, cache_view<bf16> cache, const std::vector<int>& tokens, index_t layer, index_t first) {
  const std::vector<float> k = rows(tokens, layer, 16), v = rows(tokens, layer, 24);
  const auto count = static_cast<index_t>(tokens.size());
  append(machine, cache, view<const float, 3>(k.data(), count, 2, 16), view<const float, 3>(v.data(), count, 2, 24), first);
}
std::vector<float> read(const cpu& machine, const cache_view<bf16>& cache) {
  const std::vector<float> q = rows({-1, -2}, 0, 16);  // one query of four heads
  std::vector<float> out(4 * 24);
  const buffer scratch(attention_scratch(machine, shape, 1, cache.capacity));
  attend<16, 24>(machine, view<const float, 3>(q.data(), 1, 4, 16), cache, view<float, 3>(out.data(), 1, 4, 24), causal{}, scaled{}, scratch.data());
  return out;
}

// A sequence beside the tokens that it should hold.
struct tracked {
  paged cache;
  std::vector<int> tokens;

  void extend(const cpu& machine, const std::vector<int>& more, index_t layers) {
    const index_t first = cache.extend(static_cast<index_t>(more.size()));
    REQUIRE(first == static_cast<index_t>(tokens.size()));
    for (index_t layer = 0; layer < layers; ++layer) write(machine, cache.view(layer), more, layer, first);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  void check(const cpu& machine, index_t layers) const {
    REQUIRE(cache.length() == static_cast<index_t>(tokens.size()));
    if (tokens.empty()) return;
    for (index_t layer = 0; layer < layers; ++layer) {
      const auto count = static_cast<index_t>(tokens.size());
      const buffer memory(cache_bytes<bf16>(machine, shape, count));
      cache_view<bf16> whole{.data = memory.data(), .shape = shape, .capacity = count};
      write(machine, whole, tokens, layer, 0);
      whole.length = count;
      const std::vector<float> want = read(machine, whole), got = read(machine, cache.view(layer));
      REQUIRE(std::memcmp(want.data(), got.data(), want.size() * sizeof(float)) == 0);
    }
  }
};

std::vector<int> numbers(std::mt19937& random, index_t count) {
  std::vector<int> out(static_cast<std::size_t>(count));
  for (int& x : out) x = static_cast<int>(random() % 100000);
  return out;
}

}  // namespace

TEST_CASE("a fork shares pages until one of the two writes to the page in which they part") {
  const cpu machine;
  std::mt19937 random(1);
  pool pages(machine, shape, 16, 10, 2);
  tracked first{paged(pages), {}};
  first.extend(machine, numbers(random, 40), 2);  // two whole pages and half a one
  CHECK(pages.free_pages() == 7);
  {
    tracked second{first.cache.fork(), first.tokens};
    CHECK(pages.free_pages() == 7);
    for (const std::int32_t page : second.cache.pages()) CHECK(pages.uses(page) == 2);
    second.extend(machine, numbers(random, 3), 2);  // the half page is copied
    CHECK(pages.free_pages() == 6);
    CHECK(pages.uses(first.cache.pages()[2]) == 1);
    CHECK(pages.uses(first.cache.pages()[1]) == 2);
    first.extend(machine, numbers(random, 5), 2);  // its own by now: written in place
    CHECK(pages.free_pages() == 6);
    first.check(machine, 2), second.check(machine, 2);

    tracked third{first.cache.fork(32), {first.tokens.begin(), first.tokens.begin() + 32}};  // parts where a page ends: no copy
    third.extend(machine, numbers(random, 16), 2);
    CHECK(pages.free_pages() == 5);
    first.check(machine, 2), third.check(machine, 2);
  }
  CHECK(pages.free_pages() == 7);
  first.cache.truncate(17), first.tokens.resize(17);
  CHECK(pages.free_pages() == 8);
  first.check(machine, 2);
  first.cache.truncate(0);
  CHECK(pages.free_pages() == 10);
}

TEST_CASE("a pool that is spent says so, and nothing changes") {
  const cpu machine;
  std::mt19937 random(2);
  pool pages(machine, shape, 16, 3);
  tracked one{paged(pages), {}};
  one.extend(machine, numbers(random, 40), 1);
  tracked two{one.cache.fork(), one.tokens};
  const auto fault = [](auto&& f) {
    try {
      f();
    } catch (const error& e) {
      return std::string(e.what());
    }
    return std::string("no fault");
  };
  const std::string wanted = "[pages] of the pool are spent: 1 more of 16 keys are needed and 0 of 3 are free. Fix: a pool of more pages, or let go of a sequence.";
  CHECK(fault([&] { two.cache.extend(1); }) == wanted);  // the copy of the shared page
  CHECK(fault([&] { one.cache.extend(9); }).find("2 more") != std::string::npos);
  one.check(machine, 1), two.check(machine, 1);
  two.cache.truncate(32);
  one.extend(machine, numbers(random, 8), 1);  // alone again
  one.check(machine, 1);
  CHECK(fault([&] { pool(machine, shape, 0, 3); }).find("[page_pool]") == 0);
  CHECK(fault([&] { pool(machine, shape, index_t{1} << 60, 64); }).find("positions count to 2147483647") != std::string::npos);
  CHECK(fault([&] { one.cache.extend(-1); }).find("truncate") != std::string::npos);
}

TEST_CASE("random forks, truncations and appends, in pages of any size") {
  const cpu machine;
  for (const index_t page_keys : {1, 5, 16, 128}) {
    CAPTURE(page_keys);
    std::mt19937 random(static_cast<unsigned>(page_keys));
    pool pages(machine, shape, page_keys, 1600 / page_keys + 8);
    std::vector<std::unique_ptr<tracked>> all;
    for (int step = 0; step < 60; ++step) {
      const auto pick = [&]() -> tracked& { return *all[random() % all.size()]; };
      const auto what = random() % 10;
      if (all.empty() || (what == 0 && all.size() < 6)) {
        all.push_back(std::make_unique<tracked>(tracked{paged(pages), {}}));
      } else if (what <= 5) {
        tracked& one = pick();
        if (one.tokens.size() < 200) one.extend(machine, numbers(random, static_cast<index_t>(random() % 40)), 1);
      } else if (what <= 7 && all.size() < 6) {
        tracked& from = pick();
        const std::size_t length = from.tokens.empty() ? 0 : random() % (from.tokens.size() + 1);
        all.push_back(std::make_unique<tracked>(tracked{from.cache.fork(static_cast<index_t>(length)), {from.tokens.begin(), from.tokens.begin() + static_cast<std::ptrdiff_t>(length)}}));
      } else if (what == 8) {
        tracked& one = pick();
        const std::size_t length = one.tokens.empty() ? 0 : random() % one.tokens.size();
        one.cache.truncate(static_cast<index_t>(length)), one.tokens.resize(length);
      } else {
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(random() % all.size()));
      }
      if (step % 6 == 5)
        for (const auto& one : all) one->check(machine, 1);
    }
    all.clear();
    CHECK(pages.free_pages() == pages.pages());
  }
}

}  // namespace tenon
