// What fits a GPU, against examples worked by hand from the vendors' tables, and choices that follow from it or are overruled.
#include <cstdlib>
#include <type_traits>

#include <doctest/doctest.h>

#include <tenon/kernels/atoms/gfx1100/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx1201/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx90a/leaf_simulated.hpp>
#include <tenon/kernels/atoms/gfx942/leaf_simulated.hpp>
#include <tenon/kernels/launch/amd/words.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/policies/mask/positional.hpp>
#include <tenon/policies/score/biases.hpp>
#include <tenon/policies/weighting.hpp>

namespace {

using namespace tenon;
using namespace tenon::tuning;

struct absent_leaf {
  using address = unsigned;
  [[maybe_unused]] static constexpr int lanes = 32;
  template <class T>
  using held = T;
};
struct usual {
  using mask = causal;
  using score = scaled;
  using weighting = softmax;
  using out = bf16;
  [[maybe_unused]] static constexpr int dim = 128, group = 1;
};
struct overruled : usual {
  static constexpr tuning::sm80::attention_tile tile{4, 1, 32};
};

TEST_CASE("blocks that run at once") {
  struct row {
    gpu_facts on;
    block_cost cost;
    int blocks;
    bound by;
  };
  const row rows[] = {
      {facts_sm80, {128, 255, 0}, 2, bound::registers},                  // 65536 / (128 x 256)
      {facts_sm80, {128, 168, 0}, 3, bound::registers},                  // 65536 / (128 x 168) = 3.05
      {facts_sm80, {1024, 32, 0}, 2, bound::registers},                  // 65536 / (1024 x 32): all 64 warps
      {facts_sm80, {256, 16, 82 * kib}, 1, bound::shared_memory},        // 164 / 83
      {facts_sm80, {256, 16, 81 * kib}, 2, bound::shared_memory},        // 164 / 82
      {facts_sm80, {32, 16, 0}, 32, bound::blocks},                      // a warp each: 64 would fit
      {facts_sm86, {128, 40, 99 * kib}, 1, bound::shared_memory},        // all that a block may have
      {facts_sm86, {128, 40, 100 * kib}, 0, bound::shared_memory},       // more than a block may have
      {facts_sm75, {1024, 64, 0}, 1, bound::registers},                  // 32 warps
      {facts_sm90a, {384, 168, 200 * kib}, 1, bound::registers},         // 65536 / (384 x 168) = 1.02
      {facts_sm80, {128, 256, 0}, 0, bound::registers},                  // a thread may have 255
      {facts_gfx942, {256, 128, 0}, 4, bound::registers},                // 512 / 128 waves to a SIMD
      {facts_gfx942, {256, 257, 0}, 1, bound::registers},                // one wave of 264
      {facts_gfx90a, {256, 64, 33 * kib}, 1, bound::shared_memory},      // 64 / 33
      {facts_gfx1100, {256, 97, 0}, 6, bound::registers},                // 1536 / 120 = 12 waves, two of each block
      {facts_gfx1201, {1024, 32, 0}, 2, bound::warps},                   // 8 waves of 16
  };
  for (const row& r : rows) {
    CAPTURE(r.on.name);
    CAPTURE(r.cost.registers);
    const occupancy got = occupancy_of(r.on, r.cost);
    CHECK(got.blocks == r.blocks);
    CHECK(got.by == r.by);
  }
}

TEST_CASE("a problem's own tile overrules the choice") {
  CHECK(nvidia_attention<absent_leaf, usual>::block_rows == 128);
  CHECK(nvidia_attention<absent_leaf, overruled>::block_rows == 64);
  CHECK(nvidia_attention<absent_leaf, overruled>::block_keys == 32);
}

struct narrow : usual {
  [[maybe_unused]] static constexpr int dim = 64;
};
struct capped : usual {
  using score = decltype(scaled{} >> soft_cap{.cap = 5});
};

template <class Problem>
using wide_tile = nvidia_attention<absent_leaf, Problem, tenon::sm80>;
template <class Problem>
using small_tile = nvidia_attention<absent_leaf, Problem, tenon::sm86>;

TEST_CASE("where multiprocessors share less memory, tiles are such that two blocks run at once, or one can") {
  CHECK(wide_tile<usual>::block_keys == 64);
  CHECK(small_tile<usual>::block_keys == 32);
  CHECK(small_tile<narrow>::block_keys == 64);
  CHECK(2 * (small_tile<usual>::shared_bytes + kib) <= facts_sm86.shared_bytes);
  CHECK(2 * (wide_tile<usual>::shared_bytes + kib) > facts_sm86.shared_bytes);
  CHECK(tenon::sm86::shared_limit == tenon::sm89::shared_limit);  // what is compiled for 8.6 serves 8.9
}

TEST_CASE_TEMPLATE("every kernel of a model fits its architecture; few rows have the keys of many, and so their bits", Arch, tenon::sm80, tenon::sm86, tenon::sm89, tenon::sm90a) {
  using words = words_of<Arch>;
  const auto fits = [](int bytes) { CHECK(static_cast<std::size_t>(bytes) <= Arch::shared_limit); };
  const auto attention = [&]<class Problem>() {
    using many = typename words::template attention<absent_leaf, Problem>;
    using few = typename words::template attention_split<absent_leaf, Problem>;
    CHECK(many::block_keys == few::block_keys);
    fits(many::shared_bytes), fits(few::shared_bytes);
    fits(words::template attention_backward_keys<absent_leaf, Problem>::shared_bytes), fits(words::template attention_backward_rows<absent_leaf, Problem>::shared_bytes);
  };
  attention.template operator()<usual>(), attention.template operator()<narrow>(), attention.template operator()<capped>();
  fits(words::template matmul<absent_leaf>::shared_bytes), fits(words::template matmul<absent_leaf, std::int8_t>::shared_bytes);
  if constexpr (words::template multiplies<e4m3>) fits(words::template matmul<absent_leaf, e4m3>::shared_bytes);
  const auto product = [&]<class Format>() { fits(words::template panel_matmul<absent_leaf, Format, 1>::shared_bytes), fits(words::template panel_matmul<absent_leaf, Format, 2>::shared_bytes); };
  product.template operator()<panel::q8_0>(), product.template operator()<panel::q4_0>(), product.template operator()<panel::q4_1>(), product.template operator()<panel::q6_k>();
}

struct overruled_on_sm90a : usual {
  static constexpr tuning::sm90a::attention_tile tile{64, 3, tuning::sm90a::schedule::in_order};
  static constexpr tuning::sm90a::attention_backward_tile keys_tile{32, 3}, rows_tile{64, 2};
};
struct overruled_on_amd : usual {
  static constexpr tuning::amd::attention_tile tile{4, 32};
};
struct overruled_walks_on_amd : narrow {
  static constexpr tuning::amd::attention_backward_tile backward_tile{2, tuning::amd::kept::shared_memory};
};

TEST_CASE("on sm_90a too") {
  CHECK(sm90a_attention<absent_leaf, usual>::block_keys == 128);
  CHECK(std::is_same_v<sm90a_schedule<usual>, overlapped>);
  using own = overruled_on_sm90a;
  CHECK(sm90a_attention<absent_leaf, own>::block_keys == 64);
  CHECK(std::is_same_v<sm90a_schedule<own>, in_order>);
  CHECK(sm90a_attention<absent_leaf, own>::shared_bytes < sm90a_attention<absent_leaf, usual>::shared_bytes);
  CHECK(sm90a_attention_backward_keys<absent_leaf, usual>::tile_rows == 64);
  CHECK(sm90a_attention_backward_keys<absent_leaf, own>::tile_rows == 32);
  CHECK(sm90a_attention_backward_rows<absent_leaf, usual>::block_keys == 128);
  CHECK(sm90a_attention_backward_rows<absent_leaf, own>::block_keys == 64);
}

// Registers are also held beside what clang 19 takes for causal attention of 128 dims with 64 keys and with 32, as gpu_static.py prints it.
TEST_CASE_TEMPLATE("on AMD's GPUs too, and what the model says of shared memory is what words take", Arch, gfx90a, gfx942, gfx1100, gfx1201) {
  using leaf = typename Arch::simulated_leaf;
  const auto model = []<class Problem>() {
    constexpr auto tile = amd_attention_tile<leaf, Problem>;
    constexpr auto back = amd_backward_tile<leaf, Problem>;
    CHECK(amd_attention<leaf, Problem>::shared_bytes == amd::cost_of(tile, leaf::lanes, leaf::chunks, Problem::dim).shared_bytes);
    CHECK(amd_attention<leaf, Problem>::threads == amd::cost_of(tile, leaf::lanes, leaf::chunks, Problem::dim).threads);
    CHECK(amd_attention_backward_keys<leaf, Problem>::shared_bytes == amd::cost_of(back, leaf::lanes, leaf::chunks, Problem::dim).shared_bytes);
    CHECK(amd_attention_backward_keys<leaf, Problem>::threads == amd::cost_of(back, leaf::lanes, leaf::chunks, Problem::dim).threads);
  };
  model.template operator()<usual>(), model.template operator()<narrow>(), model.template operator()<overruled_walks_on_amd>();
  CHECK(amd_attention<leaf, usual>::block_keys == (leaf::chunks == 2 ? 32 : 64));
  CHECK(amd_attention<leaf, overruled_on_amd>::block_keys == 32);
  CHECK(amd_attention<leaf, usual>::block_rows == 128);
  CHECK(amd_attention<leaf, overruled_on_amd>::block_rows == 4 * leaf::side);
  CHECK(amd_attention_backward_keys<leaf, usual>::aside == (leaf::lanes == 32));
  CHECK(!amd_attention_backward_keys<leaf, narrow>::aside);
  CHECK(amd_attention_backward_keys<leaf, overruled_walks_on_amd>::aside);
  CHECK(amd_matmul<leaf>::block_tokens == 128);
  CHECK(amd_matmul<leaf, std::int8_t, 2>::block_tokens == 64);
  constexpr int of_clang[] = {leaf::lanes == 64 ? 198 : leaf::chunks == 2 ? 252 : 244, leaf::lanes == 64 ? 160 : leaf::chunks == 2 ? 216 : 208};
  CHECK(std::abs(amd::registers_of({256 / leaf::lanes, 64}, leaf::lanes, leaf::chunks, 128) - of_clang[0]) <= 8);
  CHECK(std::abs(amd::registers_of({256 / leaf::lanes, 32}, leaf::lanes, leaf::chunks, 128) - of_clang[1]) <= 8);
}

TEST_CASE("the first that runs as often as is wanted, or as can be") {
  constexpr int candidates[] = {60, 40, 20};  // KiB of shared memory, of 100
  const auto blocks = [](int each) consteval { return occupancy_of(facts_sm86, {128, 32, each * kib}).blocks; };
  CHECK(first_that_fits(candidates, 1, blocks) == 60);
  CHECK(first_that_fits(candidates, 2, blocks) == 40);
  CHECK(first_that_fits(candidates, 4, blocks) == 20);
  CHECK(first_that_fits(candidates, 9, blocks) == 20);
  constexpr int large[] = {101, 99, 98, 97}, none[] = {101, 102};
  CHECK(first_that_fits(large, 2, blocks) == 99);
  CHECK(first_that_fits(none, 2, blocks) == 102);
}

}  // namespace
