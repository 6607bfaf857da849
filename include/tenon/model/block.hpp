#pragma once
// A residual block: each of its layers reads the normalised stream and adds to the stream.
//   x += Layer_1(RMSNorm(x)); x += Layer_2(RMSNorm(x)); ...

#include <array>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tenon/kernels/launch/norm.hpp>
#include <tenon/model/layer.hpp>
#include <tenon/model/refused_layer.hpp>

namespace tenon {

/// A layer as a machine has it; where it has none, one that does nothing stands in, and `block::forward` says so.
template <class Layer, class Machine>
using layer_on = std::conditional_t<layer_runs_on<Layer, Machine>(), Layer, refused_layer>;

namespace detail {
template <class Layer>
inline constexpr bool looks_ahead = [] {
  if constexpr (requires { Layer::looks_ahead; })
    return Layer::looks_ahead;
  else
    return false;
}();
}  // namespace detail

/// A pre-normalised residual block of any number of layers over a stream of `Width` features.
template <index_t Width, class... Layers>
struct block {
  static constexpr int layers = sizeof...(Layers);
  /// Whether a layer sees tokens after its own, and so asks at each step where the step begins.
  static constexpr bool looks_ahead = (detail::looks_ahead<Layers> || ...);

  struct weights {
    std::array<vector_parameter, sizeof...(Layers)> gains{};
    std::tuple<typename Layers::weights...> of{};
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    each_layer([&]<class Layer, std::size_t I>() {
      visit(w.gains[I], Layer::norm_name, Width);
      Layer::each_parameter(std::get<I>(w.of), visit);
    });
  }

  template <class Machine>
  using state = std::tuple<typename layer_on<Layers, Machine>::template state<Machine>...>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t capacity) {
    return (round_up(layer_on<Layers, Machine>::state_bytes(machine, capacity), 64) + ...);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* memory, index_t capacity) {
    const auto next = [&](std::size_t bytes) { return std::exchange(memory, memory + round_up(bytes, 64)); };
    return state<Machine>{layer_on<Layers, Machine>::open_state(machine, next(layer_on<Layers, Machine>::state_bytes(machine, capacity)), capacity)...};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    std::size_t most = 0;
    const auto raise = [&](std::size_t bytes) { most = bytes > most ? bytes : most; };
    (raise(layer_on<Layers, Machine>::scratch_bytes(machine, capacity)), ...);
    return most;
  }

  /// The layers run one after another, so they share the arena: floats of the largest plan.
  static constexpr index_t activation_size() {
    index_t most = 0;
    ((most = Layers::activations.size() > most ? Layers::activations.size() : most), ...);
    return most;
  }

  /// `normed` [token, Width] is workspace for the normalised stream.
  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, state<Machine>& s, view<float, 2> normed, view<float, 2> stream, float epsilon) {
    static_assert((layer_runs_on<Layers, Machine>() && ...),
                  "[blocks] of a model on a GPU has a layer without a form for it: it works in the memory of the host. Fix: cpu{}, or another layer.");
    each_layer([&]<class Layer, std::size_t I>() {
      rms_norm(now.machine, stream, w.gains[I].data, epsilon, normed);
      if constexpr (layer_runs_on<Layer, Machine>()) Layer::forward(now, std::get<I>(w.of), std::get<I>(s), normed, stream);
    });
  }

 private:
  template <class F>
  static constexpr void each_layer(F&& f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (f.template operator()<Layers, I>(), ...); }(std::index_sequence_for<Layers...>{});
  }
};

/// `Count` blocks of one kind, one after another: distinct weights, one type, compiled once.
template <index_t Count, class Block>
struct repeat {
  static constexpr index_t count = Count;
  using type = Block;
};

/// All blocks of a model, as a run-length list: stack<repeat<3, dense>, repeat<58, experts>>.
template <class... Runs>
struct stack {
  static constexpr index_t count = (Runs::count + ...);
};

}  // namespace tenon
