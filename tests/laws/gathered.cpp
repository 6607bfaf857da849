// Policies over gathered rows and keys: they keep what the policy keeps where the rows and keys came from, and their covers are sound.
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include <tenon/policies/gathered.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

namespace tenon {
namespace {

// What `m` says of every tile against what it says of each score in it; `kept` counts the tiles taken whole or skipped.
template <class Mask>
void check_covers(const Mask& m, int q0, int q1, int keys, int batch, int& sharp) {
  for (int a = q0; a < q1; a += 3)
    for (int b = a + 1; b <= q1; b += 4)
      for (int c = 0; c < keys; c += 2)
        for (int d = c + 1; d <= keys; d += 5) {
          int kept = 0;
          for (int i = a; i < b; ++i)
            for (int j = c; j < d; ++j) kept += m.keep({.query = i, .key = j, .head = 0, .batch = batch});
          const cover said = covers(m, {a, b, c, d, batch});
          if (said == cover::all) CHECK(kept == (b - a) * (d - c));
          if (said == cover::none) CHECK(kept == 0);
          sharp += said != cover::some;
        }
}

}  // namespace

TEST_CASE("gathered rows and keys mean what they came from") {
  std::mt19937 random(1);
  const auto mask = causal{} & window{.width = 9};
  const auto bias = alibi{.heads = 4};
  for (int round = 0; round < 20; ++round) {
    std::vector<row_origin> rows;
    for (int t = 0; t < 12; ++t)
      for (int h = 0; h < 4; ++h)
        if (random() % 3 == 0) rows.push_back({10 + t, h});
    const int count = static_cast<int>(rows.size()), keys = 22;
    const std::ptrdiff_t offset[] = {0, count - keys};  // as a kernel counts: the last row at position keys - 1
    const gathered_rows<std::remove_const_t<decltype(mask)>> by_row{mask, rows.data(), offset, 3};
    const gathered_rows<alibi> biased{bias, rows.data(), offset, 3};
    for (int i = 0; i < count; ++i)
      for (int j = 0; j < keys; ++j) {
        const row_origin from = rows[static_cast<std::size_t>(i)];
        const position seen{.query = keys - count + i, .key = j, .head = 0, .batch = 1}, meant{from.query, j, from.head, 3};
        CHECK(by_row.keep(seen) == mask.keep(meant));
        CHECK(biased.adjust(1.0f, seen) == bias.adjust(1.0f, meant));
      }
    int sharp = 0;
    if (count > 0) check_covers(by_row, keys - count, keys, keys, 1, sharp);
    CHECK((count < 4 || sharp > 0));

    std::vector<std::int32_t> kept;
    for (int j = 0; j < keys; ++j)
      if (random() % 2 == 0) kept.push_back(j);
    const int left = static_cast<int>(kept.size()), queries = 6, shift = keys - left;
    const gathered_keys<std::remove_const_t<decltype(mask)>> by_key{mask, kept.data(), shift};
    for (int i = left - queries; i < left; ++i)
      for (int j = 0; j < left; ++j) CHECK(by_key.keep({.query = i, .key = j}) == mask.keep({.query = i + shift, .key = kept[static_cast<std::size_t>(j)]}));
    sharp = 0;
    check_covers(by_key, left - queries, left, left, 0, sharp);
    CHECK(sharp > 0);
  }
}

TEST_CASE("the factor of a gathered score is found") {
  const auto chained = gathered_keys<chain<scaled, alibi>>{scaled{.factor = 0.5f} >> alibi{.heads = 2}, nullptr, 0} >> key_bias{.values = nullptr};
  CHECK(factor_of(chained) == 0.5f);
}

}  // namespace tenon
