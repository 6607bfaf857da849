// What fits a GPU, against examples worked by hand from the vendors' tables, and choices that follow from it or are overruled.
#include <doctest/doctest.h>

#include <tenon/kernels/launch/nvidia/words.hpp>
#include <tenon/kernels/tuning/amd.hpp>
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

}  // namespace
