// The kernels of attention for sm_90a, in both schedules, as the PTX that nvcc makes of them: executed and compared with the reference in
// double, and broken in one place at a time, where every break must show.
#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>

#include <string>

#include "attention_problems.hpp"
#include "ptx_attention_case.hpp"
#include "ptx_breaks.hpp"

namespace {

using namespace tenon_test;
using tenon::bf16;

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

template <class P>
struct problem : ptx_attention<P> {
  using words = tenon::sm90a_attention<absent_leaf, P>;
  ptx::Swizzle order = ptx::Swizzle::B128;
  using ptx_attention<P>::ptx_attention;

  tenon::attention_tensor_arguments<P> call() {
    const auto a = this->arguments();
    const auto map = [&](const bf16* first) { return encode(tenon::cache_shape(a, first, this->of.batch, a.length, words::block_keys), order); };
    return {a, {map(a.keys), map(a.values), a.length}};
  }
  ptx::Report launch(ptx::Module& with, const std::string& kernel, const ptx::Options& way) {
    return with.launch(kernel, this->grid(words::block_rows), {words::threads, 1, 1}, ptx::Args(call()), words::shared_bytes, way);
  }
  ptx::Report run(const std::string& kernel, const ptx::Options& way) {
    this->spoil();
    ptx::Report report = launch(module(), kernel, way);
    INFO(report.text());
    CHECK(report.clean());
    return report;
  }
  /// Both schedules, which must give the same bits.
  void check(const std::string& name) {
    this->check_ways(name.c_str(), [&](const ptx::Options& way) { CHECK(run("in_order_" + name, way).wgmma_serialised == 0); });
    const std::vector<char> in_order = this->bytes();
    this->check_ways(name.c_str(), [&](const ptx::Options& way) { CHECK(run("overlapped_" + name, way).wgmma_serialised == 0); });
    CHECK(in_order == this->bytes());
  }
};

TEST_CASE("causal: whole tiles, ragged ones, few queries over many keys, more queries than keys") {
  for (const sizes s : {sizes{1, 256, 256, 1, 1}, sizes{1, 200, 200, 2, 1}, sizes{1, 3, 333, 2, 2}, sizes{1, 70, 20, 1, 1}, sizes{1, 1, 1, 1, 1}})
    problem<causal_128>(s, {}, {}, {}).check("causal_128");
  problem<causal_64>({2, 150, 290, 2, 1}, {}, {}, {}).check("causal_64");
}

TEST_CASE("lengths of their own in a batch; what lies beyond them counts nowhere") {
  problem<causal_64>({3, 40, 300, 2, 1}, {}, {}, {}, {300, 128, 41}).check("causal_64");
  problem<causal_128>({2, 20, 150, 1, 1}, {}, {}, {}, {20, 149}).check("causal_128");
}

TEST_CASE("factors: a given one, and a negative one") {
  problem<causal_128>({1, 65, 129, 1, 1}, {}, {.factor = 0.3f}, {}).check("causal_128");
  problem<causal_128>({1, 65, 129, 1, 1}, {}, {.factor = -0.05f}, {}).check("causal_128");
}

TEST_CASE("a window, a soft cap and sinks; also a window that leaves rows without keys") {
  ptx::Buffer<float> sinks(2, "sinks");
  sinks[0] = 1.5f, sinks[1] = -40;
  for (const int width : {1, 90})
    problem<capped_128>({1, 129, 290, 2, 1}, tenon::causal{} & tenon::window{width}, tenon::scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("capped_128");
  problem<capped_128>({1, 80, 30, 2, 1}, tenon::causal{} & tenon::window{7}, tenon::scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("capped_128");
}

TEST_CASE("documents and alibi, the heads of a group in one tile") {
  ptx::Buffer<std::int32_t> ids(250, "ids");
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i < 90 ? 1 : i < 91 ? 7 : i < 200 ? 2 : 3;
  problem<documents_64>({1, 100, 250, 8, 2}, tenon::causal{} & tenon::document{ids.data()}, tenon::scaled{} >> tenon::alibi{8}, {}).check("documents_64");
}

TEST_CASE("scores of +-1e4 and more, NaN in its row, the log-sum-exp of the scores") {
  problem<causal_128>({1, 130, 130, 1, 1}, {}, {}, {}, {}, 3000.0f).check("causal_128");
  problem<causal_64> p({1, 140, 140, 1, 1}, {}, {}, {});
  p.q[50 * 64 + 3] = bf16(std::numeric_limits<float>::quiet_NaN());
  for (const char* kernel : {"in_order_causal_64", "overlapped_causal_64"}) {
    p.run(kernel, {});
    for (int row = 0; row < 140; ++row) {
      CAPTURE(row);
      CHECK(std::isnan(static_cast<float>(p.out[static_cast<std::size_t>(row) * 64])) == (row == 50));
      if (row % 20 != 3) continue;
      double total = 0;
      for (int j = 0; j <= row; ++j) {
        double dot = 0;
        for (int d = 0; d < 64; ++d) dot += static_cast<double>(static_cast<float>(p.q[static_cast<std::size_t>(row * 64 + d)])) * static_cast<double>(static_cast<float>(p.k[static_cast<std::size_t>(j * 64 + d)]));
        total += std::exp(dot / 8);
      }
      CHECK(static_cast<double>(p.log_sum_exp[static_cast<std::size_t>(row)]) == doctest::Approx(std::log(total)).epsilon(1e-5));
    }
  }
}

// Five blocks of keys for two stages, the last one ragged, brought row by row.
TEST_CASE("every break of a kernel shows, wherever it is made") {
  for (const char* kernel : {"in_order_causal_64", "overlapped_causal_64"}) {
    problem<causal_64> p({2, 140, 640, 1, 1}, {}, {}, {}, {630, 640}, 0.7f);
    CHECK(break_everywhere(p, kernel, 5e-3) >= 33);
    CHECK(break_everywhere(p, kernel, 5e-3, breaks_of_rows) >= 12);
    p.order = ptx::Swizzle::None;
    p.spoil();
    const ptx::Report unpermuted = p.launch(module(), kernel, {});
    CHECK_FALSE((unpermuted.clean() && p.distance() <= 5e-3));
  }
}

}  // namespace
