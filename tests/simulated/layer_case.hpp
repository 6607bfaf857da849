#pragma once
// A layer on simulated GPUs beside the same layer in fp32 on a processor: the same weights, the same tokens, in blocks of any size.

#include "device_case.hpp"

#include <algorithm>
#include <deque>
#include <string>

#include "../support/layer_runs.hpp"

namespace tenon::testing {

/// What specs of layers have in common here: heads as a GPU has them, all else as small as it may be.
struct layer_parts : attention_parts {
  static constexpr decoder_spec shape{.width = 48, .blocks = 1, .vocabulary = 1, .epsilon = 1e-5f};
  static constexpr attention_spec attention{.query_heads = 4, .kv_heads = 2, .head_dim = 64};
};
template <class Spec>
struct in_bf16 : Spec {
  static constexpr auto precision = bf16_products;
};

template <class Spec>
struct in_int8_cache : Spec {
  static constexpr precision_policy<int8_per_128> precision{.floats = compute::bf16, .bf16s = compute::bf16, .integers = compute::int8x2};
};

/// One sequence over a layer, with the weights of another machine's, in memory of a GPU.
template <class Layer, class Machine>
class device_layer {
 public:
  template <class Weights>
  device_layer(const Machine& machine, const Weights& w, index_t capacity)
      : machine_(machine), memory_(allocate(machine, Layer::state_bytes(machine, capacity), "the state")),
        arena_(allocate(machine, static_cast<std::size_t>(Layer::activations.size()) * sizeof(float), "the activations")),
        scratch_(allocate(machine, Layer::scratch_bytes(machine, capacity), "the scratch")), told_(allocate(machine, announcement_bytes(machine, block_tokens), "the place")) {
    pack_all visitor{*this, w.all()};
    Layer::each_parameter(weights_, visitor);
    state_ = Layer::open_state(machine, memory_.data(), capacity);
  }
  auto& state() { return state_; }
  const typename Layer::weights& weights() const { return weights_; }
  pass<Machine> now(index_t first, index_t tokens) {
    const std::vector<std::int32_t> unused(static_cast<std::size_t>(tokens));
    return {machine_, announce(machine_, unused.data(), tokens, first, told_.data()).first, tokens, reinterpret_cast<float*>(arena_.data()), scratch_.data()};
  }

  /// What the layer adds to a stream of zeros, for tokens [first, first + count) of in [token, width].
  std::vector<float> forward(const std::vector<float>& in, index_t width, index_t first, index_t count) {
    const device_numbers<Machine, float> x(machine_, {in.begin() + first * width, in.begin() + (first + count) * width}), out(machine_, std::vector<float>(static_cast<std::size_t>(count * width)));
    Layer::forward(now(first, count), weights_, state_, view<const float, 2>(x.data(), count, width), view<float, 2>(out.data(), count, width));
    await(machine_);
    return out.host();
  }
  std::vector<float> forward(const std::vector<float>& in, index_t width, std::vector<index_t> sizes) {
    return tenon_test::in_blocks(static_cast<index_t>(in.size()) / width, sizes, [&](index_t first, index_t count) { return forward(in, width, first, count); });
  }

 private:
  struct pack_all {
    device_layer& to;
    const std::map<std::string, std::vector<float>>& values;
    void operator()(vector_parameter& v, const std::string& name, index_t) {
      to.constants_.push_back(allocate(to.machine_, values.at(name).size() * sizeof(float), "a parameter", memory_use::constants));
      std::copy(values.at(name).begin(), values.at(name).end(), reinterpret_cast<float*>(to.constants_.back().data()));
      v.data = reinterpret_cast<float*>(to.constants_.back().data());
    }
    void operator()(matrix_parameter& m, const std::string& name, index_t rows, index_t depth) {
      const stored_matrix stored{.kind = storage::f32, .rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(values.at(name).data())};
      to.constants_.push_back(allocate(to.machine_, packed_bytes(to.machine_, stored.kind, compute::bf16, rows, depth), "a parameter", memory_use::constants));
      m = pack(to.machine_, stored, compute::bf16, to.constants_.back().data());
    }
  };

  Machine machine_;
  typename memory_on<Machine>::type memory_, arena_, scratch_, told_;
  std::deque<typename memory_on<Machine>::type> constants_;
  typename Layer::weights weights_{};
  typename Layer::template state<Machine> state_;
};

/// Layer<Spec> of a processor in fp32, with weights that are bf16, and Layer of the same spec, in bf16 or as On has it, on each simulated GPU: the results of `tokens`
/// tokens, at once and in parts, near each other. before(layer, run): what is done to both before.
template <template <class> class Layer, class Spec, template <class> class On = in_bf16, class Before, class After>
void check_layer(index_t tokens, unsigned seed, const Before& before, const After& after) {
  constexpr index_t width = Spec::shape.width;
  tenon_test::layer_weights<Layer<Spec>> w(seed);
  for (const auto& [name, values] : w.all()) std::transform(values.begin(), values.end(), w.at(name).begin(), [](float x) { return static_cast<float>(bf16(x)); });
  w.pack_again();
  const std::vector<float> in = tenon_test::random_floats(tokens * width, seed + 100);
  tenon_test::layer_run<Layer<Spec>> host(w.packed(), tokens);
  before.template operator()<Layer<Spec>>(host, w.packed());
  const std::vector<float> at_once = host.forward(in, width, {tokens});
  const tenon_test::doubles want(at_once.begin(), at_once.end());
  on_simulated_gpus([&]<class Machine>(const Machine& machine) {
    using layer = Layer<On<Spec>>;
    constexpr double bound = std::same_as<On<Spec>, in_bf16<Spec>> ? 1e-2 : 2e-2;
    for (const std::vector<index_t>& sizes : {std::vector<index_t>{tokens}, {7, 1}}) {
      device_layer<layer, Machine> run(machine, w, tokens);
      before.template operator()<layer>(run, run.weights());
      const double away = apart(run.forward(in, width, sizes), want);
      CAPTURE(tokens);
      CAPTURE(sizes.size());
      CHECK(away <= bound);
      after(host.state(), run.state());
    }
  });
}
template <template <class> class Layer, class Spec>
void check_layer(index_t tokens, unsigned seed) {
  check_layer<Layer, Spec>(tokens, seed, []<class>(auto&, const auto&) {}, [](const auto&, const auto&) {});
}

}  // namespace tenon::testing
