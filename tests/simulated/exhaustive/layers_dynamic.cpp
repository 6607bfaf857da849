// Dynamic attention and tri-attention on GPUs beside the same layers in fp32 on a processor: heads that weigh little are not computed there either.
#include "../layer_case.hpp"

#include <tenon/model/attention/dynamic.hpp>
#include <tenon/model/attention/tri.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Spec>
using dynamic = dynamic_attention<Spec>;
struct by_token : layer_parts {
  static constexpr dynamic_spec dynamic{.threshold = 0.5f};
  static constexpr auto mask = causal{} & window{.width = 12};
  static constexpr auto score = scaled{} >> alibi{.heads = 4};
};
struct by_softmax : layer_parts {
  static constexpr dynamic_spec dynamic{.threshold = 0.8f, .weights = head_weights::softmax};
};
struct by_block : layer_parts {
  static constexpr dynamic_spec dynamic{.threshold = 0.5f, .mean = decides_by::whole_block};
  static constexpr auto mask = full{};
};
struct all_of_them : layer_parts {
  static constexpr dynamic_spec dynamic{};
};

const auto counted_alike = [](const auto& on_host, const auto& on_gpu) {
  const skipped_work want = skipped_of(on_host), got = skipped_of(on_gpu);
  CHECK(got.heads == want.heads);
  CHECK(got.heads_skipped == want.heads_skipped);
};
const auto nothing_before = []<class>(auto&, const auto&) {};

TEST_CASE("heads below the threshold are left out, by the mean of the tokens seen") {
  check_layer<dynamic, by_token>(33, 17, nothing_before, counted_alike);  // of a seed by which no head weighs so near the threshold that bf16 decides
  check_layer<dynamic, by_softmax>(21, 2, nothing_before, counted_alike);
  check_layer<dynamic, all_of_them>(9, 3, nothing_before, counted_alike);
}

TEST_CASE("over a cache of int8") { check_layer<dynamic, by_token, in_int8_cache>(33, 17, nothing_before, counted_alike); }

TEST_CASE("one decision for a block") {
  constexpr index_t width = 48, tokens = 19;
  tenon_test::layer_weights<dynamic<by_block>> w(4);
  const std::vector<float> in = tenon_test::random_floats(tokens * width, 5);
  tenon_test::layer_run<dynamic<by_block>> host(w.packed(), tokens);
  const std::vector<float> want = host.forward(in, width, {tokens});
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    device_layer<dynamic<in_bf16<by_block>>, Machine> run(machine, w, tokens);
    CHECK(apart(run.forward(in, width, {tokens}), doubles(want)) <= 1e-2);
    counted_alike(host.state(), run.state());
  });
}

TEST_CASE("sums that a cut back left behind show as no numbers") {
  constexpr index_t width = 48, tokens = 9;
  tenon_test::layer_weights<dynamic<by_token>> w(6);
  const std::vector<float> in = tenon_test::random_floats(tokens * width, 7);
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    device_layer<dynamic<in_bf16<by_token>>, Machine> run(machine, w, tokens);
    run.forward(in, width, {tokens});
    CHECK(std::isnan(run.forward(in, width, 4, 2)[0]));
    CHECK(!std::isnan(run.forward(in, width, 0, 2)[0]));
  });
}

template <class Spec>
using tri = tri_attention<Spec>;
struct segmented : layer_parts {
  static constexpr segment_spec segments{.length = 6};
};
struct all_at_once : segmented {
  static constexpr auto mask = full{};
};

TEST_CASE("attention within segments, across them, and their mean") {
  check_layer<tri, segmented>(40, 8);
  check_layer<tri, segmented>(4, 9);
}

TEST_CASE("a stream that is seen as a whole") {
  constexpr index_t width = 48, tokens = 20;
  tenon_test::layer_weights<tri<all_at_once>> w(10);
  const std::vector<float> in = tenon_test::random_floats(tokens * width, 11);
  const std::vector<float> want = tenon_test::layer_run<tri<all_at_once>>(w.packed(), tokens).forward(in, width, {tokens});
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    device_layer<tri<in_bf16<all_at_once>>, Machine> run(machine, w, tokens);
    CHECK(apart(run.forward(in, width, {tokens}), doubles(want)) <= 1e-2);
    CHECK_THROWS_AS(run.forward(in, width, 5, 2), error);
  });
}

struct in_pairs : layer_parts {
  static constexpr segment_spec segments{.length = 2};
};

TEST_CASE("segments over a cache of int8") { check_layer<tri, segmented, in_int8_cache>(40, 8, nothing_before, [](const auto&, const auto&) {}); }

TEST_CASE("how much room there is shows in no bit") {
  constexpr index_t width = 48, tokens = 140;
  tenon_test::layer_weights<tri<in_pairs>> w(12);
  const std::vector<float> in = tenon_test::random_floats(tokens * width, 13);
  const simulated<sm80> machine({.checks = simulation::checks::results});
  using layer = tri<in_bf16<in_pairs>>;
  const std::vector<float> want = device_layer<layer, simulated<sm80>>(machine, w, tokens).forward(in, width, {tokens});
  CHECK(device_layer<layer, simulated<sm80>>(machine, w, 150'000).forward(in, width, {tokens}) == want);
  CHECK(machine.report().clean());
}

}  // namespace
