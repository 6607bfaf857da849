#pragma once
// Attention whose result passes a gate: y = Wo (attend(x) * sigma(Wg x)), one gate per head or per element.

#include <tenon/kernels/launch/gate.hpp>
#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>
#include <tenon/model/attention/training.hpp>

namespace tenon {

/// Grouped attention with the output gate that `Spec::output_gate` names: gate_per::head or gate_per::element.
template <class Spec, bool = output_gate_rules<Spec>::assembles>
struct output_gated_attention : refused_layer {};

template <class Spec>
struct output_gated_attention<Spec, true> : cached_attention<Spec> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  static constexpr bool per_head = Spec::output_gate == gate_per::head;
  static constexpr index_t gates = per_head ? parts_of::spec.query_heads : parts_of::query_width;

  struct weights : parts_of::weights {
    matrix_parameter gate;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w, visit);
    visit(w.gate, "attn_gate.weight", gates, parts_of::width);
  }

  static constexpr auto activations = parts_of::plan(gates);

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, typename cached_attention<Spec>::template state<Machine>& cache, view<const float, 2> in, view<float, 2> stream) {
    constexpr int dim = parts_of::spec.head_dim;
    const auto x = parts_of::in(activations, now.activations, now.tokens);
    const view<float, 2> gate = activations.in(now.activations, parts_of::own, now.tokens), mixed = parts_of::flat(x.mixed);
    parts_of::project(now, w, in, x);
    const product open[] = {{.weights = w.gate, .out = gate}};
    matmul<parts_of::forms>(now.machine, in, open, now.scratch);
    parts_of::turn(now, x);
    append(now.machine, cache, x.key, x.value, now.first);
    attend<dim, dim>(now.machine, x.query, cache, x.mixed, Spec::mask, parts_of::score, now.scratch);
    if constexpr (per_head)
      open_heads(now.machine, sigmoid_gate{}, gate, x.mixed);
    else
      open_gate(now.machine, sigmoid_gate{}, gate, mixed, mixed);
    parts_of::finish(now, w, mixed, stream);
  }

  using training = attention_training<parts_of>;
  struct saved : training::saved {
    std::vector<float> gate;  ///< before the logistic
  };
  struct gradients : training::gradients {
    std::vector<float> gate = zeros(gates * parts_of::width);
  };
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, typename parts_of::cache& cache, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    const auto x = training::project(now, w, kept, in);
    kept.gate = product_of<parts_of::forms>(now, in, w.gate);
    parts_of::turn(now, x);
    append(now.machine, cache, x.key, x.value, now.first);
    training::attend(now, kept, x.key, x.value, Spec::mask, parts_of::score);
    training::finish(now, w, gated<Machine>(kept), stream);
  }
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    std::vector<float> d_mixed = training::output_backward(now, w, gated<Machine>(kept), out_gradient, to), d_gate = zeros(now.tokens * gates);
    for (std::size_t i = 0; i < d_mixed.size(); ++i) {
      const auto by = slopes(sigmoid_gate{}, kept.gate[i / of_gate], kept.mixed[i]);
      d_gate[i / of_gate] += by.gate * d_mixed[i];
      d_mixed[i] *= by.up;
    }
    product_backward(now, rows_of(kept.in, parts_of::width), w.gate, rows_of(d_gate, gates), in_gradient, to.gate);
    typename training::saved d = training::zeros_like(kept);
    const auto x = training::heads_of(const_cast<saved&>(kept)), dx = training::heads_of(d);
    training::attend_backward(now, kept, x.key, x.value, d_mixed, dx.query, dx.key, dx.value, Spec::mask, parts_of::score);
    training::turn_backward(now, Spec::position, dx);
    training::project_backward(now, w, kept, d, in_gradient, to);
  }

 private:
  static constexpr std::size_t of_gate = static_cast<std::size_t>(parts_of::query_width / gates);  // values that one gate opens
  template <class Machine>
  static std::vector<float> gated(const saved& kept) {
    std::vector<float> out = kept.mixed;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = sigmoid_gate{}.open(kept.gate[i / of_gate], out[i]);
    return out;
  }
};

}  // namespace tenon
