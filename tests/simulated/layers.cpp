// Attention layers on GPUs beside the same layers in fp32 on a processor: keys with gates, compressed 3D attention. The others: exhaustive/layers*.cpp.
#include "layer_case.hpp"

#include <tenon/model/attention/gated_sparse.hpp>
#include <tenon/model/attention/three_d.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Spec>
using gated_sparse = gated_sparse_attention<Spec>;
template <int Percent>
struct key_gated : layer_parts {
  static constexpr key_gate_spec key_gate{.threshold = 0.01f * Percent};
};
/// A mask and a score that look at positions, which are not those of the kept keys.
struct windowed : key_gated<40> {
  static constexpr auto mask = causal{} & window{.width = 12};
  static constexpr auto score = scaled{.factor = 0.2f} >> alibi{.heads = 4};
};

TEST_CASE("keys below the threshold are neither stored nor attended, and counted") {
  const auto nothing_before = []<class>(auto&, const auto&) {};
  const auto counted_alike = [](const auto& on_host, const auto& on_gpu) {
    const skipped_work want = skipped_of(on_host), got = skipped_of(on_gpu);
    CHECK(got.keys == want.keys);
    CHECK(got.keys_skipped == want.keys_skipped);
    CHECK(2 * got.cache_bytes_saved == want.cache_bytes_saved);  // of bf16 and of float
    CHECK(*on_gpu.cache.length_at == on_host.cache.length);
  };
  check_layer<gated_sparse, windowed>(40, 8, nothing_before, counted_alike);
}

TEST_CASE("a sequence that was cut back forgets the keys that it had kept") {
  constexpr index_t width = 48, tokens = 25;
  tenon_test::layer_weights<gated_sparse<windowed>> w(11);
  const std::vector<float> in = tenon_test::random_floats(tokens * width, 12);
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    device_layer<gated_sparse<in_bf16<windowed>>, Machine> run(machine, w, tokens);
    const std::vector<float> whole = run.forward(in, width, {tokens});
    const std::int32_t kept = *run.state().cache.length_at;
    const std::vector<float> again = run.forward(in, width, 5, tokens - 5);
    CHECK(std::equal(again.begin(), again.end(), whole.begin() + 5 * width));
    CHECK(*run.state().cache.length_at == kept);
  });
}

TEST_CASE("over pages: the bits of a contiguous cache") {
  using layer = gated_sparse<in_bf16<key_gated<15>>>;
  constexpr index_t width = 48, tokens = 160;
  tenon_test::layer_weights<gated_sparse<key_gated<15>>> w(9);
  const std::vector<float> in = tenon_test::random_floats(tokens * width, 10);
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    device_layer<layer, Machine> own(machine, w, tokens);
    device_layer<layer, in_pages<Machine>> run(machine, w, 256);
    const device_numbers<Machine, std::byte> pool(machine, 3 * page_bytes<bf16>(machine, layer::parts_of::shape, 128));
    const device_numbers table(machine, std::vector<std::int32_t>{2, 0});
    run.state().cache = {.data = pool.data(), .shape = layer::parts_of::shape, .capacity = 256, .pages = table.data(), .page_keys = 128};
    CHECK(run.forward(in, width, {150, 1}) == own.forward(in, width, {150, 1}));
    CHECK(*run.state().cache.length_at == *own.state().cache.length_at);
    CHECK((*own.state().cache.length_at > 128 && *own.state().cache.length_at < tokens));
  });
}

template <class Spec>
using three_d = three_d_attention<Spec>;
struct compressed : layer_parts {
  static constexpr encoding_spec encoding{.terms = 2, .first = 0.9f, .ratio = 0.4f};
  static constexpr auto weighting = linear{.features = elu_plus_one{}};
};

TEST_CASE("the compressed form of 3D attention: from 0 again in the same state, and no numbers where its sums hold other tokens") {
  check_layer<three_d, compressed>(11, 13, []<class>(auto&, const auto&) {}, [](const auto&, const auto&) {});
  constexpr index_t width = 48, tokens = 9;
  tenon_test::layer_weights<three_d<compressed>> w(14);
  const std::vector<float> in = tenon_test::random_floats(tokens * width, 15);
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    device_layer<three_d<in_bf16<compressed>>, Machine> run(machine, w, tokens);
    const std::vector<float> whole = run.forward(in, width, {tokens});
    for (const index_t count : {1, 2}) {
      const std::vector<float> lost = run.forward(in, width, 5, count);
      CHECK(std::all_of(lost.begin(), lost.end(), [](float x) { return std::isnan(x); }));
    }
    CHECK(run.forward(in, width, {tokens}) == whole);
  });
}

}  // namespace
