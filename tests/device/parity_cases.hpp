// Attention and products on a device against the reference, and twice, which must give the same bits. For .cu and .hip files, which say
// before: `device`.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstring>
#include <type_traits>
#include <vector>

#include "../gpu/attention_problems.hpp"
#include "../simulated/attention_case.hpp"
#include "../simulated/matmul_case.hpp"

namespace {

using namespace tenon;

template <class Machine>
using words_on = words_of<typename Machine::arch>;

template <class T>
auto upload(const device& gpu, const std::vector<T>& all) {
  auto there = gpu.array<T>(static_cast<index_t>(all.size()));
  gpu.copy(there.data(), all.data(), all.size() * sizeof(T));
  return there;
}
template <class T, class Array>
void download(const device& gpu, std::vector<T>& all, const Array& there) {
  gpu.copy(all.data(), there.data(), all.size() * sizeof(T));
  gpu.synchronize();
}

/// Runs `start` twice, over an output that begins as `unwritten`; the second time must give the bits of the first, which stay in `out`.
template <class T, class F>
void run_twice(const device& gpu, std::vector<T>& out, const F& start) {
  const std::vector<T> unwritten(out.size(), T(-7.0f));
  std::vector<T> again(out.size());
  for (auto* to : {&out, &again}) {
    auto there = upload(gpu, unwritten);
    start(there.data());
    download(gpu, *to, there);
  }
  CHECK(std::memcmp(out.data(), again.data(), out.size() * sizeof(T)) == 0);
}

template <class Problem>
void attends(testing::attention_case<Problem>& c) {
  const auto want = c.reference();
  with_arch(device{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using tile = typename words_on<machine>::template attention<typename machine::leaf, Problem>;
    const auto q = upload(gpu, c.q.all), keys = upload(gpu, c.keys.all), values = upload(gpu, c.values.all);
    run_twice(gpu, c.out.all, [&](auto* out) {
      auto a = c.arguments();
      a.q = q.data(), a.keys = keys.data(), a.values = values.data(), a.out = out;
      constexpr int queries = tile::block_rows / Problem::group;
      gpu.launch({(a.queries + queries - 1) / queries, a.heads / Problem::group, c.sizes.batch}, {tile::threads}, tile::shared_bytes,
                 attention_on<tile>(gpu, a, c.sizes.batch, c.sizes.keys));
    });
  });
  CHECK(c.distance(want) <= 5e-3);
}

TEST_CASE("attention is the reference: causal") {
  for (const testing::attention_sizes& sizes : {testing::attention_sizes{1, 2, 1, 100, 131}, {2, 2, 2, 64, 64}, {1, 1, 1, 1, 200}}) {
    testing::attention_case<tenon_test::causal_128> c(sizes, {});
    attends(c);
  }
}
TEST_CASE("attention is the reference: a window, a soft cap, sinks, sums in float") {
  const auto sinks = device{0}.array<float>(2, placed::unified);  // read by the reference, here, and by the kernel
  sinks.data()[0] = 0.5f, sinks.data()[1] = -1;
  testing::attention_case<tenon_test::capped_128> c({1, 2, 1, 90, 150}, causal{} & window{.width = 70}, scaled{} >> soft_cap{.cap = 5}, {.logits = sinks.data()});
  attends(c);
}
TEST_CASE("attention with keys split over blocks is the reference") {
  using problem = tenon_test::decode_128;
  const auto sinks = device{0}.array<float>(8, placed::unified);
  for (int head = 0; head < 8; ++head) sinks.data()[head] = 0.1f * static_cast<float>(head);
  testing::attention_case<problem> c({2, 8, 2, 3, 700}, causal{} & window{.width = 600}, {}, {.logits = sinks.data()});
  const auto want = c.reference();
  with_arch(device{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using tile = typename words_on<machine>::template attention_split<typename machine::leaf, problem>;
    constexpr int split = 256, queries = tile::block_rows / problem::group;
    const int splits = (c.sizes.keys + split - 1) / split, tiles = (c.sizes.queries + queries - 1) / queries, groups = c.sizes.heads / problem::group;
    const auto q = upload(gpu, c.q.all), keys = upload(gpu, c.keys.all), values = upload(gpu, c.values.all);
    auto partials = gpu.template array<float>(index_t{splits} * tiles * groups * c.sizes.batch * attention_partial_floats<tile, problem>());
    run_twice(gpu, c.out.all, [&](auto* out) {
      attention_split_arguments<problem> a{c.arguments(), partials.data(), split, splits};
      a.call.q = q.data(), a.call.keys = keys.data(), a.call.values = values.data(), a.call.out = out;
      gpu.launch({splits * tiles, groups, c.sizes.batch}, {tile::threads}, tile::shared_bytes,
                 attention_split_on<tile>(gpu, a, c.sizes.batch, c.sizes.keys));
      using merge = attention_merge_body<typename machine::leaf, tile, problem>;
      gpu.launch({tiles, groups, c.sizes.batch}, {merge::threads}, 0, merge{a});
    });
  });
  CHECK(c.distance(want) <= 5e-3);
}

TEST_CASE_TEMPLATE("products are the reference", Problem, testing::to_float, testing::to_bf16) {
  testing::matmul_case<Problem> c(70, 150, 200, true, 8);
  with_arch(device{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using tile = typename words_on<machine>::template matmul<typename machine::leaf>;
    const auto x = upload(gpu, c.x), w = upload(gpu, c.w);
    const auto residual = upload(gpu, c.residual);
    const auto bias = upload(gpu, c.bias);
    run_twice(gpu, c.out, [&](auto* out) {
      auto a = c.arguments();
      a.x = x.data(), a.w = w.data(), a.out = out, a.bias = bias.data(), a.residual = residual.data();
      gpu.launch({(a.rows + tile::block_rows - 1) / tile::block_rows, (a.tokens + tile::block_tokens - 1) / tile::block_tokens, 1}, {tile::threads}, tile::shared_bytes,
                 product_on<tile>(gpu, a));
    });
  });
  CHECK(c.distance() <= (sizeof(typename Problem::out) == 4 ? 1e-5 : 5e-3));
}

TEST_CASE("a recording gives the bits of its launches") {
  testing::matmul_case<testing::to_float> c(3, 200, 128, false);
  with_arch(device{0}, [&](const auto& gpu) {
    using machine = std::decay_t<decltype(gpu)>;
    using tile = typename words_on<machine>::template matmul<typename machine::leaf>;
    const auto x = upload(gpu, c.x), w = upload(gpu, c.w);
    auto out = upload(gpu, c.out);
    auto step = record(gpu, [&](const auto& recorder) {
      auto a = c.arguments();
      a.x = x.data(), a.w = w.data(), a.out = out.data();
      recorder.launch({(a.rows + tile::block_rows - 1) / tile::block_rows, 1, 1}, {tile::threads}, tile::shared_bytes, product_on<tile>(gpu, a));
    });
    for (float& untouched : c.out) untouched = -7.0f;
    gpu.copy(out.data(), c.out.data(), c.out.size() * sizeof(float));
    step.replay();
    download(gpu, c.out, out);
  });
  CHECK(c.distance() <= 1e-5);
}

}  // namespace

#include "device_main.hpp"
