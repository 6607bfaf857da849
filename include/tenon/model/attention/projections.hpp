#pragma once
// What every self-attention layer is made of: the products around attention, their parameters, activations and scratch.

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/launch/rotary.hpp>
#include <tenon/model/layer.hpp>
#include <tenon/model/spec.hpp>

namespace tenon {

/// The names that the four projections have in files.
struct projection_names {
  const char *query = "attn_q.weight", *key = "attn_k.weight", *value = "attn_v.weight", *output = "attn_output.weight";
  const char *query_bias = "attn_q.bias", *key_bias = "attn_k.bias", *value_bias = "attn_v.bias";
};

/// q = Wq x, k = Wk x, v = Wv x, y += Wo mixed, as Spec::attention has it. `ContextWidth` is the width of what keys and values are
/// made from: that of the stream, unless they come from elsewhere.
template <class Spec, index_t ContextWidth = Spec::shape.width>
struct attention_projections {
  static constexpr attention_spec spec = Spec::attention;
  static constexpr index_t width = Spec::shape.width, context_width = ContextWidth;
  static constexpr index_t query_width = spec.query_heads * spec.head_dim, kv_width = spec.kv_heads * spec.head_dim;
  static constexpr heads shape{.query = static_cast<int>(spec.query_heads), .kv = static_cast<int>(spec.kv_heads), .dim = static_cast<int>(spec.head_dim), .dim_v = static_cast<int>(spec.head_dim)};
  static constexpr form_set forms = forms_of(Spec::precision);
  /// 1 / sqrt(head_dim): what scores are multiplied by unless the score says otherwise.
  static constexpr double plain_factor = exp2(-0.5 * log(static_cast<double>(spec.head_dim)) * 1.44269504088896340736);
  /// The spec's score; what YaRN asks of the softmax's scale is in its factor.
  static constexpr auto score = [] {
    constexpr double more = Spec::position.score_factor();
    if constexpr (more == 1) {
      return Spec::score;
    } else {
      constexpr float asked = factor_of(Spec::score);
      constexpr double plain = asked != 0 ? static_cast<double>(asked) : plain_factor;
      return with_factor(Spec::score, static_cast<float>(plain * more));
    }
  }();
  using cache_number = typename decltype(Spec::precision)::cache;
  using cache = cache_view<cache_number>;

  struct weights {
    matrix_parameter query, key, value, output;
    vector_parameter query_bias, key_bias, value_bias;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit, const projection_names& names = {}) {
    visit(w.query, names.query, query_width, width);
    visit(w.key, names.key, kv_width, context_width);
    visit(w.value, names.value, kv_width, context_width);
    if constexpr (spec.qkv_bias == bias::learned) {
      visit(w.query_bias, names.query_bias, query_width);
      visit(w.key_bias, names.key_bias, kv_width);
      visit(w.value_bias, names.value_bias, kv_width);
    }
    visit(w.output, names.output, width, query_width);
  }

  /// A plan with q, k, v and mixed first; a layer's own activations follow as slots own, own + 1, ...
  static constexpr int own = 4;
  static constexpr auto plan(auto... more) { return activation_plan{query_width, kv_width, kv_width, query_width, index_t{more}...}; }

  /// q, k, v and the result of attention: [token, head, head_dim].
  struct parts {
    view<float, 3> query, key, value, mixed;
  };
  template <class Plan>
  static parts in(const Plan& plan, float* arena, index_t tokens) {
    const auto by_head = [&](int slot, index_t count) { return view<float, 3>(plan.in(arena, slot, tokens).data, tokens, count, spec.head_dim); };
    return {by_head(0, spec.query_heads), by_head(1, spec.kv_heads), by_head(2, spec.kv_heads), by_head(3, spec.query_heads)};
  }
  /// [token, head, dim] as [token, head x dim].
  static view<float, 2> flat(view<float, 3> x) { return {x.data, x.extent[0], x.extent[1] * x.extent[2]}; }

  template <class Machine>
  static std::size_t cache_bytes(const Machine& machine, index_t capacity) {
    return tenon::cache_bytes<cache_number>(machine, shape, capacity);
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    constexpr index_t wider = width > query_width ? width : query_width, depth = wider > context_width ? wider : context_width;
    const std::size_t products = matmul_scratch(machine, block_tokens, depth), attention = attention_scratch(machine, shape, block_tokens, capacity);
    return products > attention ? products : attention;
  }

  /// q, k and v of the block, not rotated.
  template <class Machine>
  static void project(const pass<Machine>& now, const weights& w, view<const float, 2> in, const parts& to) {
    const product three[] = {{.weights = w.query, .out = flat(to.query), .bias = w.query_bias.data},
                             {.weights = w.key, .out = flat(to.key), .bias = w.key_bias.data},
                             {.weights = w.value, .out = flat(to.value), .bias = w.value_bias.data}};
    matmul<forms>(now.machine, in, three, now.scratch);
  }
  /// q and k turned by their positions in the sequence.
  template <class Machine>
  static void turn(const pass<Machine>& now, const parts& x) {
    rotate(now.machine, Spec::position, x.query, now.first);
    rotate(now.machine, Spec::position, x.key, now.first);
  }
  /// stream += Wo mixed, or stream = Wo mixed.
  template <class Machine>
  static void finish(const pass<Machine>& now, const weights& w, view<const float, 2> mixed, view<float, 2> stream, tenon::finish how = tenon::finish::add) {
    const product output[] = {{.weights = w.output, .out = stream, .how = how}};
    matmul<forms>(now.machine, mixed, output, now.scratch);
  }
};

/// The state and the workspace of an attention layer that remembers nothing but keys and values.
template <class Spec>
struct cached_attention {
  using parts_of = attention_projections<Spec>;
  template <class Machine>
  using state = typename cache_on<Machine, typename parts_of::cache_number, parts_of::shape>::type;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t capacity) {
    return parts_of::cache_bytes(machine, capacity);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine&, std::byte* memory, index_t capacity) {
    return {.data = memory, .shape = parts_of::shape, .capacity = capacity};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    return parts_of::scratch_bytes(machine, capacity);
  }
};

}  // namespace tenon
