// A cover never lies: `all` means keep everywhere in the tile, `none` nowhere. Built-in masks are exact: they say `some` only
// where both occur.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include <tenon/policies/mask.hpp>

namespace tenon {
namespace {

constexpr int most = 96;

struct truth {
  bool any = false, every = true;
};
template <class Mask>
truth ask(const Mask& mask, tile t) {
  truth out;
  for (int i = t.q0; i < t.q1; ++i)
    for (int j = t.k0; j < t.k1; ++j) {
      const bool kept = mask.keep({.query = i, .key = j, .head = 0, .batch = t.batch});
      out.any |= kept;
      out.every &= kept;
    }
  return out;
}
tile some_tile(std::mt19937& random) {
  const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
  tile t;
  t.q0 = below(most), t.k0 = below(most);
  t.q1 = t.q0 + 1 + below(std::min(most - t.q0, 1 + below(20)));
  t.k1 = t.k0 + 1 + below(std::min(most - t.k0, 1 + below(20)));
  t.batch = below(2);
  if (below(8) == 0) t.q0 = -1 - below(9), t.q1 = t.q0 + 1 + below(20);  // more queries than keys
  return t;
}

// Exact on random tiles, among which each of the answers that the mask has comes up.
template <class Make>
void exact(const Make& make, std::initializer_list<cover> answers = {cover::none, cover::some, cover::all}) {
  std::mt19937 random(7);
  int seen[3] = {};
  for (int trial = 0; trial < 3000; ++trial) {
    const auto mask = make(random);
    const tile t = some_tile(random);
    const truth is = ask(mask, t);
    const cover said = covers(mask, t);
    ++seen[static_cast<int>(said)];
    CAPTURE(trial);
    REQUIRE(said == (is.every ? cover::all : is.any ? cover::some : cover::none));
  }
  for (const cover each : {cover::none, cover::some, cover::all}) CHECK((seen[static_cast<int>(each)] > 0) == (std::ranges::find(answers, each) != answers.end()));
}

struct operands {
  std::array<std::int32_t, 2 * most> packed, unordered;
  std::array<std::int32_t, 2> lengths;
  std::array<std::int32_t, most> parents;
  std::array<std::uint64_t, 2 * most * 2> words;
  std::array<std::uint8_t, 400> blocks;
  std::array<std::int32_t, most * 12> lists;

  explicit operands(std::mt19937& random) {
    for (int b = 0; b < 2; ++b) {
      std::int32_t id = 0;
      for (int i = 0; i < most; ++i) {
        id += random() % 9 == 0 ? 1 : 0;
        packed[static_cast<std::size_t>(b * most + i)] = id;
        unordered[static_cast<std::size_t>(b * most + i)] = static_cast<std::int32_t>(random() % 4);
      }
    }
    for (auto& length : lengths) length = static_cast<std::int32_t>(random() % (most + 1));
    for (std::size_t n = 0; n < parents.size(); ++n)
      parents[n] = random() % 3 == 0 ? static_cast<std::int32_t>(n) - 1 : static_cast<std::int32_t>(random() % (n + 1)) - 1;
    const std::uint64_t dense = random() % 3;
    for (auto& word : words) {
      const std::uint64_t a = (std::uint64_t{random()} << 32) | random(), b = (std::uint64_t{random()} << 32) | random();
      word = dense == 0 ? a & b & (a >> 7) : dense == 1 ? a : a | b | (b >> 9);
    }
    for (auto& block : blocks) block = random() % 2 == 0;
    for (std::size_t q = 0; q < most; ++q) {
      std::vector<std::int32_t> keys;
      for (std::int32_t k = 0; k < most && keys.size() < 12; ++k)
        if (random() % 8 == 0 || (q % 5 == 0 && k > 20)) keys.push_back(k);
      keys.resize(12, 1 << 30);
      std::copy(keys.begin(), keys.end(), lists.begin() + static_cast<std::ptrdiff_t>(q * 12));
    }
  }
};

int from(std::mt19937& random, int lo, int hi) { return lo + static_cast<int>(random() % static_cast<unsigned>(hi - lo + 1)); }

}  // namespace

TEST_CASE("positional masks are exact") {
  exact([](std::mt19937&) { return full{}; }, {cover::all});
  exact([](std::mt19937&) { return causal{}; });
  exact([](std::mt19937& r) { return window{.width = from(r, 1, 40)}; });
  exact([](std::mt19937& r) { return prefix{.length = from(r, 0, most)}; });
  exact([](std::mt19937& r) { return chunk{.length = from(r, 1, 40)}; });
  exact([](std::mt19937& r) { return dilated{.stride = from(r, 1, 30)}; });
}

TEST_CASE("masks of sequences and lists are exact") {
  std::mt19937 random(11);
  for (int round = 0; round < 4; ++round) {
    const operands data(random);
    exact([&](std::mt19937&) { return document{.ids = data.packed.data(), .batch_stride = most}; });
    exact([&](std::mt19937&) { return document{.ids = data.unordered.data(), .batch_stride = most}; });
    exact([&](std::mt19937&) { return padding{.lengths = data.lengths.data()}; });
    exact([&](std::mt19937& r) { return tree{.parents = data.parents.data(), .first = from(r, 0, most), .count = most}; });
    exact([&](std::mt19937& r) { return bits{.words = data.words.data(), .queries = most, .keys = from(r, 1, most), .first_query = from(r, 0, 9), .batch_stride = 2 * most}; });
    exact([&](std::mt19937& r) {
      return block_sparse{.blocks = data.blocks.data(), .rows = from(r, 1, 20), .columns = 20, .query_block = from(r, 1, 16), .key_block = from(r, 1, 16), .first_query = from(r, 0, 9)};
    });
    exact([&](std::mt19937& r) { return token_sparse{.lists = data.lists.data(), .queries = from(r, 1, most), .count = 12, .first_query = from(r, 0, 9)}; });
  }
}

TEST_CASE("visited tiles beyond those that matter are few: at most a tenth, whatever the widths, tiles as kernels have them and others") {
  constexpr int length = 1024;
  const auto excess = [](const auto& mask, int queries, int keys) {
    int visited = 0, needed = 0;
    for (int q = 0; q < length; q += queries)
      for (int k = 0; k < length; k += keys) {
        const tile t{q, q + queries, k, k + keys};
        visited += covers(mask, t) != cover::none;
        needed += ask(mask, t).any;
      }
    REQUIRE(needed > 0);
    CHECK(visited >= needed);
    return static_cast<double>(visited - needed) / needed;
  };
  std::mt19937 random(5);
  for (const auto& [queries, keys] : {std::pair(16, 16), std::pair(64, 64), std::pair(16, 128), std::pair(128, 64)})
    for (int round = 0; round < 4; ++round) {
      CAPTURE(queries);
      CAPTURE(keys);
      std::vector<std::int32_t> ids(length);
      std::int32_t id = 0;
      const auto spread = static_cast<unsigned>(from(random, 20, 320));
      for (auto& each : ids) each = id += random() % spread == 0 ? 1 : 0;
      const int width = from(random, 1, 300), begin = from(random, 0, 300);
      CAPTURE(width);
      CAPTURE(begin);
      CHECK(excess(causal{} & window{.width = width}, queries, keys) <= 0.1);
      CHECK(excess(causal{} & document{ids.data()}, queries, keys) <= 0.1);
      CHECK(excess(causal{} & (window{.width = width} | prefix{.length = begin}), queries, keys) <= 0.1);
      CHECK(excess(!chunk{.length = width}, queries, keys) <= 0.1);
    }
}

}  // namespace tenon
