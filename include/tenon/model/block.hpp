#pragma once
// A residual block: each of its layers reads the normalised stream and adds to the stream.
//   x += Layer_1(RMSNorm(x)); x += Layer_2(RMSNorm(x)); ...

#include <array>
#include <cstddef>
#include <tuple>
#include <utility>

#include <tenon/kernels/launch/norm.hpp>
#include <tenon/model/layer.hpp>

namespace tenon {

/// A pre-normalised residual block of any number of layers over a stream of `Width` features.
template <index_t Width, class... Layers>
struct block {
  static constexpr int layers = sizeof...(Layers);

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
  using state = std::tuple<typename Layers::template state<Machine>...>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t capacity) {
    return (round_up(Layers::state_bytes(machine, capacity), 64) + ...);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* memory, index_t capacity) {
    const auto next = [&](std::size_t bytes) { return std::exchange(memory, memory + round_up(bytes, 64)); };
    return state<Machine>{Layers::open_state(machine, next(Layers::state_bytes(machine, capacity)), capacity)...};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    std::size_t most = 0;
    ((most = Layers::scratch_bytes(machine, capacity) > most ? Layers::scratch_bytes(machine, capacity) : most), ...);
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
    each_layer([&]<class Layer, std::size_t I>() {
      rms_norm(now.machine, stream, w.gains[I].data, epsilon, normed);
      Layer::forward(now, std::get<I>(w.of), std::get<I>(s), normed, stream);
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
