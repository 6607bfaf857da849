#pragma once
// Problems of attention's gradients on the PTX of one architecture's kernels, compared with the reference in double.

#include <cstring>

#include "../support/gpu_backward_case.hpp"
#include "attention_backward_problems.hpp"
#include "ptx_machine.hpp"

namespace tenon_test {

using tenon::causal;
using tenon::scaled;
using tenon::testing::backward_sizes;

template <class T>
using buffer = ptx::Buffer<T>;

/// Arch: whose kernels the module of TENON_TEST_PTX holds.
template <class Arch, class P>
struct ptx_backward : tenon::testing::gpu_backward_case<P, buffer> {
  using base = tenon::testing::gpu_backward_case<P, buffer>;
  using base::base, base::of;
  using machine = ptx_machine_of<Arch>;
  using keys = typename tenon::words_of<Arch>::template attention_backward_keys<absent_leaf, P>;
  using rows = typename tenon::words_of<Arch>::template attention_backward_rows<absent_leaf, P>;
  ptx::Swizzle order = ptx::Swizzle::B128;
  bool one_by_one = false;  ///< rows come without boxes, where the machine has some

  static ptx::Module& module() {
    static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
    return loaded;
  }
  static int threads_of(const std::string& kernel) { return kernel.starts_with("keys_") ? keys::threads : kernel.starts_with("queries_") ? rows::threads : 128; }

  ptx::Report launch(ptx::Module& with, const std::string& kernel, const ptx::Options& way) {
    const auto start = [&](int blocks, int shared_bytes, const ptx::Args& args) {
      return with.launch(kernel, {static_cast<unsigned>(blocks), static_cast<unsigned>(of.kv_heads), static_cast<unsigned>(of.batch)}, {static_cast<unsigned>(threads_of(kernel)), 1, 1}, args,
                         static_cast<unsigned>(shared_bytes), way);
    };
    const auto walk = [&](auto body) {
      if constexpr (requires { body.maps; })
        if (one_by_one) body.maps.boxed = false, body.maps.rows[0] = body.maps.rows[1] = {};
      return ptx::Args(body);
    };
    const machine here(with, way, order);
    if (kernel.starts_with("keys_")) return start(this->template key_blocks<keys>(), keys::shared_bytes, walk(tenon::attention_backward_on<absent_leaf, keys>(here, this->arguments())));
    if (kernel.starts_with("queries_")) return start(this->template query_blocks<rows>(), rows::shared_bytes, walk(tenon::attention_backward_on<absent_leaf, rows>(here, this->arguments())));
    return start(this->row_blocks(), 0, ptx::Args(this->arguments()));
  }
  ptx::Report launch_whole(const std::string& kernel, const ptx::Options& way) {
    ptx::Report report = launch(module(), kernel, way);
    INFO(report.text());
    CHECK(report.clean());
    CHECK(report.wgmma_serialised == 0);
    return report;
  }
  /// The reports of the walks that keep keys, and rows.
  std::pair<ptx::Report, ptx::Report> run(const std::string& name, const ptx::Options& way) {
    this->spoil();
    if (this->arguments().facts != nullptr) launch_whole("facts_" + name, way);
    return {launch_whole("keys_" + name, way), launch_whole("queries_" + name, way)};
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

/// Whole tiles, ragged ones, few queries over many keys, more queries than keys.
template <class Arch>
void check_ptx_causal() {
  for (const backward_sizes s : {backward_sizes{1, 1, 1, 64, 128}, {1, 2, 2, 70, 133}, {1, 1, 1, 3, 200}, {1, 1, 1, 90, 20}, {1, 1, 1, 1, 1}}) {
    ptx_backward<Arch, back_causal_128>(s, {}, {}, {}).check("back_causal_128");
    ptx_backward<Arch, back_causal_64>(s, {}, {}, {}).check("back_causal_64");
  }
}
template <class Arch>
void check_ptx_lengths() {
  ptx_backward<Arch, back_causal_64>({3, 1, 1, 40, 150}, {}, {}, {}, {150, 64, 41}).check("back_causal_64");
}
/// Also a window that leaves rows without keys.
template <class Arch>
void check_ptx_capped() {
  ptx::Buffer<float> sinks(2, "sinks");
  sinks[0] = 1.5f, sinks[1] = -40;
  for (const int width : {1, 60})
    ptx_backward<Arch, back_capped_128>({1, 2, 2, 70, 110}, causal{} & tenon::window{width}, scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("back_capped_128");
  ptx_backward<Arch, back_capped_128>({1, 2, 2, 80, 30}, causal{} & tenon::window{7}, scaled{} >> tenon::soft_cap{5}, {sinks.data()}).check("back_capped_128");
}
template <class Arch>
void check_ptx_documents() {
  ptx::Buffer<std::int32_t> ids(120, "ids");
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i < 50 ? 1 : i < 51 ? 7 : 2;
  for (const backward_sizes s : {backward_sizes{1, 8, 2, 60, 120}, {1, 4, 1, 9, 120}})
    ptx_backward<Arch, back_documents_64>(s, causal{} & tenon::document{ids.data()}, scaled{} >> tenon::alibi{s.heads}, {}).check("back_documents_64");
}
template <class Arch>
void check_ptx_sigmoid() {
  ptx_backward<Arch, back_sigmoid_64>({1, 1, 1, 70, 90}, {}, {}, {.bias = -3}).check("back_sigmoid_64");
}

}  // namespace tenon_test
