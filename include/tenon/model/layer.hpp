#pragma once
// What a layer is: something with parameters, a memory plan, a state per sequence and a forward pass over a block of tokens.
// A user's own struct that satisfies `layer` stands in a block beside ours.

#include <concepts>
#include <cstddef>

#include <tenon/core/view.hpp>
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/model/parameter.hpp>
#include <tenon/model/plan.hpp>

namespace tenon {

/// One walk of a block of tokens through the layers: what all of them are told.
template <class Machine>
struct pass {
  const Machine& machine;
  typename place_on<Machine>::type first;  ///< position of the first token of the block
  index_t tokens;                          ///< tokens in the block, 1 to block_tokens; in training a sequence of any length
  float* activations;  ///< the arena part that belongs to the running layer: as large as its plan
  std::byte* scratch;  ///< workspace of the kernels: as large as the layer asked for
};

/// The state of a layer that remembers nothing between tokens.
struct no_state {};

/// A layer. `weights` is a struct that `each_parameter` shows to a visitor (parameter.hpp); `activations` is the memory
/// plan of its intermediate results; `state<Machine>` is what one sequence remembers, in `state_bytes(machine, capacity)`
/// bytes that `open_state` turns into a state (where keys lie elsewhere, a capacity of 0 asks for the rest); `forward` reads `in` [token, width], the normalised residual stream, and adds
/// its result to `stream` [token, width]. `norm_name` is the name in files of the gain that normalises its input.
template <class Layer, class Machine = cpu>
concept layer = requires(typename Layer::weights& weights, parameter_counter& counter, const pass<Machine>& now, const Machine& machine,
                         typename Layer::template state<Machine>& state, std::byte* memory, index_t capacity, view<const float, 2> in, view<float, 2> stream) {
  { Layer::norm_name } -> std::convertible_to<const char*>;
  { Layer::activations.size() } -> std::same_as<index_t>;
  Layer::each_parameter(weights, counter);
  { Layer::state_bytes(machine, capacity) } -> std::same_as<std::size_t>;
  { Layer::open_state(machine, memory, capacity) } -> std::same_as<typename Layer::template state<Machine>>;
  { Layer::scratch_bytes(machine, capacity) } -> std::same_as<std::size_t>;
  Layer::forward(now, weights, state, in, stream);
};

/// Whether a layer has a form for a machine. One that has none, as it looks into what kernels wrote, or calls what that machine does not know,
/// says so: template <class Machine> static constexpr bool runs_on = host_machine<Machine>;
template <class Layer, class Machine>
consteval bool layer_runs_on() {
  if constexpr (requires { Layer::template runs_on<Machine>; })
    return Layer::template runs_on<Machine>;
  else
    return true;
}

/// A layer that looks at a second input beside the stream: `read_context` makes tokens [token, context width] the context of a
/// sequence from token `first` of the context on. Everything a block needs is still `layer`; who owns the states reads the context.
template <class Layer, class Machine = cpu>
concept context_layer = layer<Layer, Machine> && requires(const typename Layer::weights& weights, const pass<Machine>& now, typename Layer::template state<Machine>& state,
                                                          view<const float, 2> tokens, index_t first) { Layer::read_context(now, weights, state, tokens, first); };

/// A layer that can also be trained: `forward_saving` does what `forward` does and keeps in `saved` what `backward` needs;
/// `backward` reads the gradient of its result, adds the gradient of its input to `in_gradient` and those of its parameters
/// to `gradients`, a struct of the layer's own. A sequence comes whole, however long: what is kept grows with it, the arena and the
/// scratch stay those of a block.
template <class Layer, class Machine = cpu>
concept trainable_layer = layer<Layer, Machine> &&
    requires(const typename Layer::weights& weights, typename Layer::gradients& gradients, typename Layer::saved& saved, const pass<Machine>& now,
             typename Layer::template state<Machine>& state, view<const float, 2> in, view<float, 2> stream, view<const float, 2> out_gradient, view<float, 2> in_gradient) {
      Layer::forward_saving(now, weights, state, saved, in, stream);
      Layer::backward(now, weights, saved, out_gradient, in_gradient, gradients);
    };

/// A layer with a penalty of its own on its parameters: `penalize` adds its gradient to `gradients` and returns what joins the loss. Once
/// for a step of training, however many sequences it has.
template <class Layer, class Machine = cpu>
concept penalized_layer = trainable_layer<Layer, Machine> && requires(const Machine& machine, const typename Layer::weights& weights, typename Layer::gradients& gradients) {
  { Layer::penalize(machine, weights, gradients) } -> std::same_as<double>;
};

}  // namespace tenon
