// Decoding: keys split over blocks and merged, executed on every architecture against the reference in double, and bit for bit whatever the company.
#include <doctest/doctest.h>

#include "attention_case.hpp"
#include "machines.hpp"

namespace {

using namespace tenon;
using namespace tenon::testing;

struct decode {
  using mask = causal;
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  static constexpr int dim = 64, group = 4;
};

/// Fills c.out, in splits of so many keys.
template <class Arch>
void run(const order& how, attention_case<decode>& c, int split) {
  using leaf = typename simulated<Arch>::leaf;
  using words = typename kernels_of<Arch>::template attention_split<leaf, decode>;
  constexpr int tile_queries = words::block_rows / decode::group, floats = attention_partial_floats<words, decode>();
  const int splits = (c.sizes.keys + split - 1) / split, tiles = (c.sizes.queries + tile_queries - 1) / tile_queries, groups = c.sizes.heads / decode::group;
  device_array<float> partials(static_cast<std::size_t>(splits * tiles * groups * c.sizes.batch) * floats);
  std::fill(c.out.all.begin(), c.out.all.end(), bf16(-7.0f));
  const attention_split_arguments<decode> a{c.arguments(), partials.data(), split, splits};

  const simulated<Arch> machine({.schedule = how.schedule, .seed = 5, .copies = how.copies});
  machine.readable(c.q.data(), c.q.bytes(), "q");
  machine.readable(c.keys.data(), c.keys.bytes(), "keys");
  machine.readable(c.values.data(), c.values.bytes(), "values");
  machine.writable(partials.data(), partials.bytes(), "partials");
  machine.writable(c.out.data(), c.out.bytes(), "out");
  machine.launch({splits * tiles, groups, c.sizes.batch}, {words::threads}, static_cast<std::size_t>(words::shared_bytes), attention_split_body<leaf, words, decode>{a});
  machine.launch({tiles, groups, c.sizes.batch}, {128}, 0, attention_merge_body<leaf, words, decode>{a});
  CAPTURE(machine.report().text());
  CHECK(machine.report().clean());
}

TEST_CASE_TEMPLATE("keys split over blocks give what one walk gives", Arch, sm80, gfx90a, gfx942, gfx1100, gfx1201) {
  for (const attention_sizes s : {attention_sizes{1, 4, 1, 1, 300}, {2, 8, 2, 3, 129}, {1, 4, 1, 1, 1}})
    for (const order& how : orders) {
      attention_case<decode> c(s, {});
      run<Arch>(how, c, 128);
      CHECK(c.distance(c.reference()) <= 5e-3);
    }
}

TEST_CASE_TEMPLATE("a sequence has the bits that it has alone, whatever the other one is", Arch, sm80, gfx90a, gfx942, gfx1100, gfx1201) {
  const attention_sizes one{1, 8, 2, 3, 300};
  attention_case<decode> alone(one, {}), both({2, 8, 2, 3, 300}, {}, {}, {}, 2);
  const auto becomes_second = [](auto& of_both, const auto& of_one) { std::copy_n(of_one.data(), of_one.count, of_both.data() + of_one.count); };
  becomes_second(both.q, alone.q), becomes_second(both.keys, alone.keys), becomes_second(both.values, alone.values);
  const auto row = both.out.all.begin() + static_cast<std::ptrdiff_t>(alone.out.count);
  for (const order& how : orders) {
    run<Arch>(how, alone, 128), run<Arch>(how, both, 128);
    CHECK(std::equal(row, row + static_cast<std::ptrdiff_t>(alone.out.count), alone.out.all.begin()));
    CHECK_FALSE(std::equal(row, row + static_cast<std::ptrdiff_t>(alone.out.count), both.out.all.begin()));
  }
}

}  // namespace
