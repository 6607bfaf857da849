// The kernels of attention for sm_80, as the PTX that nvcc makes of them, executed and compared with the reference in double.
#include <tenon/kernels/launch/nvidia/attention.hpp>

#include "attention_problems.hpp"
#include "ptx_attention_case.hpp"

namespace {

using namespace tenon_test;
using tenon::bf16;

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

template <class P>
struct problem : ptx_attention<P> {
  using words = tenon::nvidia_attention<absent_leaf, P>;
  using ptx_attention<P>::ptx_attention;

  ptx::Report run(const char* kernel, const ptx::Options& way) {
    this->spoil();
    return launch_clean(module(), kernel, this->grid(words::block_rows), words::threads, ptx::Args(this->arguments()), words::shared_bytes, way);
  }
  void check(const char* kernel) {
    this->check_ways(kernel, [&](const ptx::Options& way) { run(kernel, way); });
  }
};

TEST_CASE("causal: whole tiles, ragged ones, few queries over many keys, more queries than keys") {
  for (const sizes s : {sizes{1, 128, 128, 1, 1}, sizes{1, 200, 200, 2, 1}, sizes{1, 3, 333, 2, 2}, sizes{1, 70, 20, 1, 1}, sizes{1, 1, 1, 1, 1}}) {
    problem<causal_128>(s, {}, {}, {}).check("attention_causal_128");
    problem<causal_64>(s, {}, {}, {}).check("attention_causal_64");
  }
}

TEST_CASE("lengths of their own in a batch; what lies beyond them is not read") {
  problem<causal_64>({3, 40, 150, 2, 1}, {}, {}, {}, {150, 64, 41}).check("attention_causal_64");
}

TEST_CASE("factors: a given one, and a negative one") {
  problem<causal_128>({1, 65, 129, 1, 1}, {}, {.factor = 0.3f}, {}).check("attention_causal_128");
  problem<causal_128>({1, 65, 129, 1, 1}, {}, {.factor = -0.05f}, {}).check("attention_causal_128");
}

TEST_CASE("a window, a soft cap and sinks; also a window that leaves rows without keys") {
  ptx::Buffer<float> sinks(2, "sinks");
  sinks[0] = 1.5f, sinks[1] = -40;
  for (const int width : {1, 60, 1000})
    problem<capped_128>({1, 129, 190, 2, 1}, tenon::causal{} & tenon::window{width}, tenon::scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("attention_capped_128");
  problem<capped_128>({1, 80, 30, 2, 1}, tenon::causal{} & tenon::window{7}, tenon::scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("attention_capped_128");
}

TEST_CASE("documents and alibi, the heads of a group in one tile") {
  ptx::Buffer<std::int32_t> ids(250, "ids");
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i < 90 ? 1 : i < 91 ? 7 : i < 200 ? 2 : 3;
  for (const sizes s : {sizes{1, 250, 250, 8, 2}, sizes{1, 9, 250, 4, 1}})
    problem<documents_64>(s, tenon::causal{} & tenon::document{ids.data()}, tenon::scaled{} >> tenon::alibi{s.heads}, {}).check("attention_documents_64");
  problem<documents_128>({1, 140, 250, 4, 1}, tenon::causal{} & tenon::document{ids.data()}, tenon::scaled{} >> tenon::alibi{4}, {}).check("attention_documents_128");
}

TEST_CASE("listed pairs, and a bias by buckets") {
  ptx::Buffer<std::uint64_t> words(140 * 3, "bits");
  ptx::Buffer<float> table(2 * 32, "table");
  std::mt19937_64 random(5);
  for (std::uint64_t& w : words) w = random();
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(i % 7) - 3;
  const tenon::bits mask{words.data(), 140, 190, 50};
  const auto score = tenon::scaled{} >> tenon::relative_bias{.table = table.data()};
  problem<listed_64>({1, 140, 190, 2, 1}, mask, score, {}).check("attention_listed_64");
  problem<listed_128>({1, 140, 190, 2, 1}, mask, score, {}).check("attention_listed_128");
}

TEST_CASE("scores of +-1e4 and more: the greatest takes all") {
  problem<causal_128>({1, 130, 130, 1, 1}, {}, {}, {}, {}, 3000.0f).check("attention_causal_128");
}

TEST_CASE("NaN and infinity stay in their rows") {
  problem<causal_64> p({1, 140, 140, 1, 1}, {}, {}, {});
  p.q[50 * 64 + 3] = bf16(std::numeric_limits<float>::quiet_NaN());
  p.q[60 * 64] = bf16(std::numeric_limits<float>::infinity());
  p.run("attention_causal_64", {});
  for (int row = 0; row < 140; ++row) {
    CAPTURE(row);
    CHECK(std::isnan(static_cast<float>(p.out[static_cast<std::size_t>(row) * 64])) == (row == 50 || row == 60));
  }
}

TEST_CASE("the log-sum-exp is that of the scores") {
  problem<causal_64> p({1, 77, 77, 1, 1}, {}, {}, {});
  p.run("attention_causal_64", {});
  for (int i = 0; i < 77; ++i) {
    double total = 0;
    for (int j = 0; j <= i; ++j) {
      double dot = 0;
      for (int d = 0; d < 64; ++d) dot += static_cast<double>(static_cast<float>(p.q[static_cast<std::size_t>(i * 64 + d)])) * static_cast<double>(static_cast<float>(p.k[static_cast<std::size_t>(j * 64 + d)]));
      total += std::exp(dot / 8);
    }
    CHECK(static_cast<double>(p.log_sum_exp[static_cast<std::size_t>(i)]) == doctest::Approx(std::log(total)).epsilon(1e-5));
  }
}

TEST_CASE("a row has the same bits alone, in a tile, and in a batch") {
  problem<causal_64> all({1, 150, 150, 1, 1}, {}, {}, {}), last({1, 9, 150, 1, 1}, {}, {}, {});
  std::memcpy(static_cast<void*>(last.k.data()), all.k.data(), all.k.size() * 2);
  std::memcpy(static_cast<void*>(last.v.data()), all.v.data(), all.v.size() * 2);
  std::memcpy(static_cast<void*>(last.q.data()), all.q.data() + 141 * 64, last.q.size() * 2);
  all.run("attention_causal_64", {});
  last.run("attention_causal_64", {});
  CHECK(std::memcmp(last.out.data(), all.out.data() + 141 * 64, last.out.size() * 2) == 0);
}

/// Keys split over blocks, then merged.
struct split_problem : problem<decode_128> {
  using words = tenon::nvidia_attention_split<absent_leaf, decode_128>;
  using problem::problem;

  void run(int split, const ptx::Options& way) {
    constexpr int tile_queries = words::block_rows / decode_128::group, floats = tenon::attention_partial_floats<words, decode_128>();
    std::memset(static_cast<void*>(out.data()), 0xff, out.size() * sizeof(out[0]));
    const int splits = (of.keys + split - 1) / split, tiles = (of.queries + tile_queries - 1) / tile_queries, groups = of.heads / decode_128::group;
    ptx::Buffer<float> partials(static_cast<std::size_t>(splits * tiles * groups * of.batch) * floats, "partials", std::numeric_limits<float>::quiet_NaN());
    const tenon::attention_split_arguments<decode_128> a{arguments(), partials.data(), split, splits};
    const auto y = static_cast<unsigned>(groups), z = static_cast<unsigned>(of.batch);
    launch_clean(module(), "attention_split", {static_cast<unsigned>(splits * tiles), y, z}, words::threads, ptx::Args(a), words::shared_bytes, way);
    launch_clean(module(), "attention_merge", {static_cast<unsigned>(tiles), y, z}, 128, ptx::Args(a), 0, way);
  }
};

TEST_CASE("decoding, keys split over blocks and merged") {
  ptx::Buffer<float> sinks(8, "sinks");
  for (std::size_t i = 0; i < 8; ++i) sinks[i] = static_cast<float>(i) - 4;
  const auto mask = tenon::causal{} & tenon::window{300};
  for (const sizes s : {sizes{1, 1, 700, 8, 2}, sizes{1, 3, 129, 4, 1}, sizes{1, 20, 260, 4, 1}, sizes{1, 1, 1, 4, 1}})
    for (const int split : {128, 256}) {
      split_problem p(s, mask, {}, {sinks.data()});
      std::vector<char> first;
      for (const ptx::Options& way : ptx_ways()) {
        p.run(split, way);
        if (first.empty()) first = p.bytes();
        CHECK(first == p.bytes());
      }
      CHECK(p.distance() <= 5e-3);
    }
  // The same bits in a batch of other lengths.
  split_problem batch({3, 1, 400, 4, 1}, mask, {}, {sinks.data()}, {400, 130, 7}), alone({1, 1, 130, 4, 1}, mask, {}, {sinks.data()});
  std::memcpy(static_cast<void*>(alone.q.data()), batch.q.data() + alone.q.size(), alone.q.size() * 2);
  std::memcpy(static_cast<void*>(alone.k.data()), batch.k.data() + 400 * 128, alone.k.size() * 2);
  std::memcpy(static_cast<void*>(alone.v.data()), batch.v.data() + 400 * 128, alone.v.size() * 2);
  batch.run(128, {});
  alone.run(128, {});
  CHECK(batch.distance() <= 5e-3);
  CHECK(std::memcmp(alone.out.data(), batch.out.data() + alone.out.size(), alone.out.size() * 2) == 0);
}

TEST_CASE("2,048 tokens and 2 heads take fewer instructions than FlashAttention-2's kernel, and no bank conflicts") {
  problem<causal_128> p({1, 2048, 2048, 2, 2}, {}, {}, {});
  ptx::Options fast;
  fast.check = false, fast.traffic = false;
  const ptx::Report report = p.run("attention_causal_128", fast);
  MESSAGE("warp instructions: ", report.instructions, ", of which matrix products: ", report.mma);
  CHECK(report.instructions <= 2'162'360);
  problem<causal_128> small({1, 128, 256, 1, 1}, {}, {}, {});
  const ptx::Report counted = small.run("attention_causal_128", {});
  for (const ptx::LineStat& line : counted.lines)
    if (line.text.find("ldmatrix") != line.text.npos) CHECK(line.shared_waves == 4 * line.shared_requests);  // 512 bytes: four passes at least
}

}  // namespace
