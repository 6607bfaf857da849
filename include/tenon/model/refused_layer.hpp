#pragma once
// What stands in for a layer whose spec breaks a rule: it has the shape of a layer and does nothing, so that a block or a model
// around it adds no error to the one that was reported.

#include <tenon/model/layer.hpp>

namespace tenon {

/// A layer without parameters that is never run.
struct refused_layer {
  static constexpr bool assembles = false;
  static constexpr const char* norm_name = "";
  struct weights {};
  template <class Visit>
  static constexpr void each_parameter(weights&, Visit&) {}
  static constexpr activation_plan activations{index_t{1}};
  template <class Machine>
  using state = no_state;
  template <class Machine>
  static std::size_t state_bytes(const Machine&, index_t) {
    return 0;
  }
  template <class Machine>
  static no_state open_state(const Machine&, std::byte*, index_t) {
    return {};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine&, index_t) {
    return 0;
  }
  template <class Machine>
  static void forward(const pass<Machine>&, const weights&, no_state&, view<const float, 2>, view<float, 2>) {}
};

/// The same for a layer with a context.
struct refused_context_layer : refused_layer {
  template <class Machine>
  static void read_context(const pass<Machine>&, const weights&, no_state&, view<const float, 2>, index_t = 0) {}
};

static_assert(layer<refused_layer> && context_layer<refused_context_layer>);

}  // namespace tenon
