// Attention layers on GPUs beside the same layers in fp32 on a processor: what layers.cpp leaves out.
#include "../layer_case.hpp"

#include <array>

#include <tenon/model/attention/bridge.hpp>
#include <tenon/model/attention/gated_sparse.hpp>
#include <tenon/model/attention/output_gated.hpp>
#include <tenon/model/attention/three_d.hpp>

namespace {

using namespace tenon;
using namespace tenon::testing;

template <class Spec>
using output_gated = output_gated_attention<Spec>;
template <class Spec>
using gated_sparse = gated_sparse_attention<Spec>;
template <class Spec>
using three_d = three_d_attention<Spec>;
template <class Spec>
using crossing = cross_attention<Spec>;
template <class Spec>
using bridging = bridge<Spec>;

struct head_gated : layer_parts {
  static constexpr auto output_gate = gate_per::head;
};
struct element_gated : layer_parts {
  static constexpr auto output_gate = gate_per::element;
};

TEST_CASE("an output gate per head or per element") {
  check_layer<output_gated, head_gated>(20, 1);
  check_layer<output_gated, element_gated>(9, 2);
}

template <int Percent>
struct key_gated : layer_parts {
  static constexpr key_gate_spec key_gate{.threshold = 0.01f * Percent};
};

TEST_CASE("gates that drop some of the keys, or all") {
  const auto counted = [](const auto& on_host, const auto& on_gpu) { CHECK(skipped_of(on_gpu).keys_skipped == skipped_of(on_host).keys_skipped); };
  check_layer<gated_sparse, key_gated<40>>(23, 9, []<class>(auto&, const auto&) {}, counted);
  check_layer<gated_sparse, key_gated<100>>(3, 10, []<class>(auto&, const auto&) {}, counted);
}

TEST_CASE("keys that are kept, in a cache of int8") {
  check_layer<gated_sparse, key_gated<40>, in_int8_cache>(23, 9, []<class>(auto&, const auto&) {}, [](const auto&, const auto&) {});
}

struct encoded : layer_parts {
  static constexpr encoding_spec encoding{.terms = 3};
  static constexpr auto weighting = softmax{};
};

// Of a normal distribution, more or less.
constexpr auto directions = [] {
  std::array<float, 64 * 80> of{};
  unsigned seed = 1;
  for (float& x : of) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) seed = seed * 1664525u + 1013904223u, sum += static_cast<float>(seed >> 8) / 16777216.0f - 0.5f;
    x = 1.7320508f * sum;
  }
  return of;
}();
struct by_directions : layer_parts {
  static constexpr encoding_spec encoding{.terms = 1};
  static constexpr auto score = scaled{};
  static constexpr auto weighting = linear{.features = random_exponentials{.directions = directions.data(), .size = 80}};
};

struct with_task : layer_parts {
  static constexpr encoding_spec encoding{.terms = 2, .task = task_encoding::learned};
  static constexpr auto weighting = sigmoid{.bias = -2};
};

TEST_CASE("the compressed form of 3D attention over random exponentials, more than a head has numbers") { check_layer<three_d, by_directions>(11, 13); }

TEST_CASE("3D attention: a series of the distance, learned per head; under sigmoid a task too") {
  check_layer<three_d, encoded>(20, 3);
  check_layer<three_d, with_task>(40, 4);
}

struct crossed : layer_parts {
  static constexpr context_spec context{.width = 40, .most_tokens = 70, .temperature = 2};
};
struct bridged : crossed {
  static constexpr bridge_spec bridge{.width = 128, .heads = 2};
};

/// Reads a context of so many tokens, the second half of them twice.
struct context_of {
  index_t tokens;
  template <class Layer>
  void operator()(auto& run, const auto& weights) const {
    const std::vector<float> all = tenon_test::random_floats(tokens * 40, 7);
    const index_t half = tokens / 2;
    const auto now = run.now(0, 0);
    const auto read = [&](const float* data) {
      const view<const float, 2> c(data, tokens, 40);
      Layer::read_context(now, weights, run.state(), c);
      if (tokens > 1) Layer::read_context(now, weights, run.state(), c.rows(half, tokens - half), half);
    };
    if constexpr (host_machine<std::remove_cvref_t<decltype(now.machine)>>) {
      read(all.data());
    } else {
      const device_numbers on(now.machine, all);
      read(on.data());
      await(now.machine);
    }
  }
};
const auto nothing_after = [](const auto&, const auto&) {};

TEST_CASE("queries of the stream look at a context, of no token too; the bridge does so in a narrow width") {
  check_layer<crossing, crossed>(9, 4, context_of{70}, nothing_after);
  check_layer<crossing, crossed>(9, 5, context_of{1}, nothing_after);
  check_layer<bridging, bridged>(9, 6, context_of{33}, nothing_after);
  check_layer<crossing, crossed>(2, 4, context_of{0}, nothing_after);
}

}  // namespace
