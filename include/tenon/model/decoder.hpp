#pragma once
// A decoder-only transformer as one type: tokens -> embedding -> blocks -> RMSNorm -> head -> logits.
// Its counts and its memory plan are known to the compiler; its weights come from load.hpp, its sequences from sequence.hpp.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <tenon/model/block.hpp>
#include <tenon/model/gated_mlp.hpp>
#include <tenon/model/grouped_attention.hpp>
#include <tenon/model/rules.hpp>

namespace tenon {

namespace detail {

// The blocks that a spec asks for: its own `blocks` type where it has one, else attention and gated feed-forward.
template <class Spec>
struct blocks_of {
  using type = stack<repeat<Spec::shape.blocks, block<Spec::shape.width, grouped_attention<Spec>, gated_mlp<Spec>>>>;
};
template <class Spec>
  requires requires { typename Spec::blocks; }
struct blocks_of<Spec> {
  using type = typename Spec::blocks;
};

template <class Stack>
struct stack_facts;
template <class... Runs>
struct stack_facts<stack<Runs...>> {
  static constexpr std::int64_t parameters = ((Runs::count * count_parameters<typename Runs::type>()) + ...);
  static constexpr std::int64_t matrix_parameters = ((Runs::count * count_matrix_parameters<typename Runs::type>()) + ...);
  static constexpr index_t activation_size = std::max({Runs::type::activation_size()...});
  static constexpr bool looks_ahead = (Runs::type::looks_ahead || ...);
  static constexpr std::size_t runs = sizeof...(Runs);
  template <std::size_t Run>
  static constexpr index_t run_count = std::tuple_element_t<Run, std::tuple<Runs...>>::count;
  using weights = std::tuple<std::vector<typename Runs::type::weights>...>;
  template <class Machine>
  using state = std::tuple<std::vector<typename Runs::type::template state<Machine>>...>;

  // Calls f.template operator()<Block, Run>(number) for every block of the model, in order.
  template <class F>
  static constexpr void each_block(F&& f) {
    index_t number = 0;
    [&]<std::size_t... Run>(std::index_sequence<Run...>) {
      (
          [&] {
            for (index_t i = 0; i < Runs::count; ++i) f.template operator()<typename Runs::type, Run>(i, number++);
          }(),
          ...);
    }(std::index_sequence_for<Runs...>{});
  }
};

}  // namespace detail

/// The decoder that `Spec` describes (see names_decoder_parts). Where a rule of assembly is broken the compiler says which,
/// and this primary template stands in so that nothing else is reported.
template <class Spec, bool = decoder_rules<Spec>::assembles>
struct decoder {
  static constexpr bool assembles = false;
  static constexpr std::int64_t parameters = 0, flops_per_token = 0, cache_bytes_per_token = 0, arena_floats = 0;
};

template <class Spec>
struct decoder<Spec, true> {
  using spec = Spec;
  using facts = detail::stack_facts<typename detail::blocks_of<Spec>::type>;
  static constexpr bool assembles = true;
  static constexpr decoder_spec shape = Spec::shape;
  static constexpr form_set forms = forms_of(Spec::precision);
  static constexpr bool tied = shape.tied_head == head::tied;

  /// Learned numbers; a tied head is counted once.
  static constexpr std::int64_t parameters = shape.vocabulary * shape.width * (tied ? 1 : 2) + facts::parameters + shape.width;
  /// Multiplications and additions of all matrix products for one token whose logits are wanted; attention over the cache comes on top.
  static constexpr std::int64_t flops_per_token = 2 * (facts::matrix_parameters + std::int64_t{shape.vocabulary} * shape.width);
  /// Bytes that one token adds to the cache.
  static constexpr std::int64_t cache_bytes_per_token =
      std::int64_t{shape.blocks} * Spec::attention.kv_heads * 2 * cached_row_bytes<typename decltype(Spec::precision)::cache>(Spec::attention.head_dim);

  /// The arena of one sequence: the stream, the normalised stream, one row of logits, then what the running layer needs.
  enum slot { stream, normed };
  static constexpr activation_plan activations{shape.width, shape.width};
  static constexpr index_t logits_offset = activations.size();
  static constexpr index_t layer_offset = logits_offset + (shape.vocabulary + 15) / 16 * 16;
  static constexpr index_t arena_floats = layer_offset + facts::activation_size;

  struct weights {
    stored_matrix embedding;     ///< [vocabulary, width], as the file has it
    typename facts::weights blocks;
    vector_parameter final_gain;
    matrix_parameter head;       ///< [vocabulary, width]
  };
  template <class Machine>
  using state = typename facts::template state<Machine>;
};

}  // namespace tenon
