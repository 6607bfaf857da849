#pragma once
// The gated feed-forward layer: y = Wdown open(Wgate x, Wup x).

#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/model/layer.hpp>

namespace tenon {

/// The feed-forward layer that a spec's gate describes; `gate.hidden` is the width between the products.
template <class Spec>
struct gated_mlp {
  static constexpr const char* norm_name = "ffn_norm.weight";
  static constexpr index_t width = Spec::shape.width, hidden_width = Spec::gate.hidden;
  static constexpr form_set forms = forms_of(Spec::precision);

  struct weights {
    matrix_parameter gate, up, down;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    visit(w.gate, "ffn_gate.weight", hidden_width, width);
    visit(w.up, "ffn_up.weight", hidden_width, width);
    visit(w.down, "ffn_down.weight", width, hidden_width);
  }

  static constexpr activation_plan activations{hidden_width};

  template <class Machine>
  using state = no_state;
  template <class Machine>
  static std::size_t state_bytes(const Machine&, index_t) {
    return 0;
  }
  template <class Machine>
  static state<Machine> open_state(const Machine&, std::byte*, index_t) {
    return {};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t) {
    return matmul_scratch(machine, block_tokens, width > hidden_width ? width : hidden_width);
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, state<Machine>&, view<const float, 2> in, view<float, 2> stream) {
    const view<float, 2> hidden = activations.in(now.activations, 0, now.tokens);
    gated_mlp_products<forms>(now.machine, in, w.gate, w.up, Spec::gate, hidden, {.weights = w.down, .out = stream, .how = finish::add}, now.scratch);
  }
};

}  // namespace tenon
