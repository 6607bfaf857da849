#pragma once
// Attention whose result passes a gate: y = Wo (attend(x) * sigma(Wg x)), one gate per head or per element.

#include <tenon/kernels/launch/gate.hpp>
#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>

namespace tenon {

/// Grouped attention with the output gate that `Spec::output_gate` names: gate_per::head or gate_per::element.
template <class Spec, bool = output_gate_rules<Spec>::assembles>
struct output_gated_attention : refused_layer {};

template <class Spec>
struct output_gated_attention<Spec, true> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  static constexpr bool per_head = Spec::output_gate == gate_per::head;
  static constexpr index gates = per_head ? parts_of::spec.query_heads : parts_of::query_width;

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
  using state = typename parts_of::cache;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index capacity) {
    return parts_of::cache_bytes(machine, capacity);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine&, std::byte* memory, index capacity) {
    return {.data = memory, .shape = parts_of::shape, .capacity = capacity};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index capacity) {
    return parts_of::scratch_bytes(machine, capacity);
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> in, view<float, 2> stream) {
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
};

}  // namespace tenon
