// Decoding: keys split over blocks and merged, executed on both architectures against the reference in double.
#include <doctest/doctest.h>

#include <limits>

#include <tenon/kernels/launch/amd/attention.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>

#include "attention_case.hpp"

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

template <class Arch, class Words>
void check(attention_case<decode> c, int split) {
  using leaf = typename simulated<Arch>::leaf;
  constexpr int tile_queries = Words::block_rows / decode::group, floats = attention_partial_floats<Words, decode>();
  const int splits = (c.sizes.keys + split - 1) / split, tiles = (c.sizes.queries + tile_queries - 1) / tile_queries, groups = c.sizes.heads / decode::group;
  device_array<float> partials(static_cast<std::size_t>(splits * tiles * groups * c.sizes.batch) * floats);
  std::fill(c.out.all.begin(), c.out.all.end(), bf16(-7.0f));
  const attention_split_arguments<decode> a{c.arguments(), partials.data(), split, splits};

  const simulated<Arch> machine({.schedule = simulation::schedule::random, .seed = 5});
  machine.readable(c.q.data(), c.q.bytes(), "q");
  machine.readable(c.keys.data(), c.keys.bytes(), "keys");
  machine.readable(c.values.data(), c.values.bytes(), "values");
  machine.writable(partials.data(), partials.bytes(), "partials");
  machine.writable(c.out.data(), c.out.bytes(), "out");
  machine.launch({splits * tiles, groups, c.sizes.batch}, {Words::threads}, static_cast<std::size_t>(Words::shared_bytes), attention_split_body<leaf, Words, decode>{a});
  machine.launch({tiles, groups, c.sizes.batch}, {128}, 0, attention_merge_body<leaf, Words, decode>{a});
  CAPTURE(machine.report().text());
  CHECK(machine.report().clean());
  CHECK(c.distance(c.reference()) <= 5e-3);
}

TEST_CASE("keys split over blocks give what one walk gives") {
  for (const attention_sizes s : {attention_sizes{1, 4, 1, 1, 300}, {2, 8, 2, 3, 129}, {1, 4, 1, 1, 1}}) {
    check<sm80, nvidia_attention_split<simulated<sm80>::leaf, decode>>({s, {}}, 128);
    check<gfx942, amd_attention<simulated<gfx942>::leaf, decode>>({s, {}}, 128);
  }
}

}  // namespace
