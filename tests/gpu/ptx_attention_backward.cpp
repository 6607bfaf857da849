// The kernels of attention's gradients for sm_80, as the PTX that nvcc makes of them, executed and compared with the reference in double.
#include "ptx_launch.hpp"

#include <cstring>

#include <tenon/kernels/launch/nvidia/attention_backward.hpp>

#include "../support/gpu_backward_case.hpp"
#include "attention_backward_problems.hpp"

namespace {

using namespace tenon_test;
using tenon::causal;
using tenon::scaled;
using tenon::testing::backward_sizes;

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

template <class T>
using buffer = ptx::Buffer<T>;

template <class P>
struct problem : tenon::testing::gpu_backward_case<P, buffer> {
  using base = tenon::testing::gpu_backward_case<P, buffer>;
  using base::base, base::of;
  using keys = tenon::nvidia_attention_backward_keys<absent_leaf, P>;
  using rows = tenon::nvidia_attention_backward_rows<absent_leaf, P>;

  ptx::Report launch(const std::string& kernel, int blocks, int threads, int shared_bytes, const ptx::Options& way) {
    return launch_clean(module(), kernel, {static_cast<unsigned>(blocks), static_cast<unsigned>(of.kv_heads), static_cast<unsigned>(of.batch)}, static_cast<unsigned>(threads),
                        ptx::Args(this->arguments()), static_cast<unsigned>(shared_bytes), way);
  }
  /// The reports of the walks that keep keys, and rows.
  std::pair<ptx::Report, ptx::Report> run(const std::string& name, const ptx::Options& way) {
    this->spoil();
    if (this->arguments().facts != nullptr) launch("facts_" + name, this->row_blocks(), 128, 0, way);
    return {launch("keys_" + name, this->template key_blocks<keys>(), keys::threads, keys::shared_bytes, way),
            launch("queries_" + name, this->template query_blocks<rows>(), rows::threads, rows::shared_bytes, way)};
  }
  /// Within 4e-3 (the rounding of operands, weights and results to bf16), and with the same bits, in every way.
  void check(const std::string& name) {
    CAPTURE(name);
    CAPTURE(of.queries);
    CAPTURE(of.keys);
    std::vector<typename P::gradient> first;
    for (const ptx::Options& way : ptx_ways()) {
      run(name, way);
      if constexpr (requires { this->weighting.d_logits; })
        launch_clean(module(), "sinks_" + name, {static_cast<unsigned>(of.heads), 1, 1}, 128, ptx::Args(this->arguments()), 512, way);
      const auto bits = this->gradients();
      if (first.empty()) {
        first = bits;
        CHECK(this->distance() <= 4e-3);
      }
      CHECK(std::memcmp(first.data(), bits.data(), bits.size() * sizeof(bits[0])) == 0);
    }
  }
};

TEST_CASE("causal: whole tiles, ragged ones, few queries over many keys, more queries than keys") {
  for (const backward_sizes s : {backward_sizes{1, 1, 1, 64, 128}, {1, 2, 2, 70, 133}, {1, 1, 1, 3, 200}, {1, 1, 1, 90, 20}, {1, 1, 1, 1, 1}}) {
    problem<back_causal_128>(s, {}, {}, {}).check("back_causal_128");
    problem<back_causal_64>(s, {}, {}, {}).check("back_causal_64");
  }
}

TEST_CASE("lengths of their own in a batch; what lies beyond them is not read, and has no gradient") {
  problem<back_causal_64>({3, 1, 1, 40, 150}, {}, {}, {}, {150, 64, 41}).check("back_causal_64");
}

TEST_CASE("a window, a soft cap and sinks that learn; also a window that leaves rows without keys") {
  ptx::Buffer<float> sinks(2, "sinks");
  sinks[0] = 1.5f, sinks[1] = -40;
  for (const int width : {1, 60})
    problem<back_capped_128>({1, 2, 2, 70, 110}, causal{} & tenon::window{width}, scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("back_capped_128");
  problem<back_capped_128>({1, 2, 2, 80, 30}, causal{} & tenon::window{7}, scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("back_capped_128");
}

TEST_CASE("documents and alibi, the heads of a group") {
  ptx::Buffer<std::int32_t> ids(120, "ids");
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i < 50 ? 1 : i < 51 ? 7 : 2;
  for (const backward_sizes s : {backward_sizes{1, 8, 2, 60, 120}, {1, 4, 1, 9, 120}})
    problem<back_documents_64>(s, causal{} & tenon::document{ids.data()}, scaled{} >> tenon::alibi{s.heads}, {}).check("back_documents_64");
}

TEST_CASE("sigmoid") { problem<back_sigmoid_64>({1, 1, 1, 70, 90}, {}, {}, {.bias = -3}).check("back_sigmoid_64"); }

TEST_CASE("four products of one walk and three of the other, and no bank conflicts") {
  ptx::Options fast;
  fast.check = false, fast.traffic = false;
  problem<back_causal_128> p({1, 1, 1, 256, 256}, {}, {}, {});
  const auto [keys, queries] = p.run("back_causal_128", fast);
  MESSAGE("keys: ", keys.instructions, " warp instructions, of which matrix products: ", keys.mma, "; queries: ", queries.instructions, ", of which ", queries.mma);
  CHECK(3 * keys.mma == 4 * queries.mma);
  problem<back_causal_128> small({1, 1, 1, 64, 128}, {}, {}, {});
  const auto counted = small.run("back_causal_128", {});
  for (const ptx::Report& report : {counted.first, counted.second})
    for (const ptx::LineStat& line : report.lines)
      if (line.text.find("ldmatrix") != line.text.npos) CHECK(line.shared_waves == 4 * line.shared_requests);  // 512 bytes: four passes at least
}

}  // namespace
