#pragma once
// Self-attention with grouped heads, rotary positions and a cache: y = Wo attend(rotate(Wq x), rotate(Wk x), Wv x).

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/launch/matmul.hpp>
#include <tenon/kernels/launch/rotary.hpp>
#include <tenon/model/layer.hpp>
#include <tenon/model/spec.hpp>

namespace tenon {

/// The attention layer that a spec describes: its attention numbers, mask, score, position and precision.
template <class Spec>
struct grouped_attention {
  static constexpr const char* norm_name = "attn_norm.weight";
  static constexpr attention_spec spec = Spec::attention;
  static constexpr index width = Spec::shape.width;
  static constexpr index query_width = spec.query_heads * spec.head_dim, kv_width = spec.kv_heads * spec.head_dim;
  static constexpr heads shape{.query = spec.query_heads, .kv = spec.kv_heads, .dim = spec.head_dim, .dim_v = spec.head_dim};
  static constexpr form_set forms = forms_of(Spec::precision);
  /// The spec's score; what YaRN asks of the softmax's scale is in its factor.
  static constexpr auto score = [] {
    constexpr double more = Spec::position.score_factor();
    if constexpr (more == 1) {
      return Spec::score;
    } else {
      constexpr float asked = factor_of(Spec::score);
      constexpr double plain = asked != 0 ? static_cast<double>(asked) : exp2(-0.5 * log(static_cast<double>(spec.head_dim)) * 1.44269504088896340736);
      return with_factor(Spec::score, static_cast<float>(plain * more));
    }
  }();
  using cache_number = typename decltype(Spec::precision)::cache;

  struct weights {
    matrix_parameter query, key, value, output;
    vector_parameter query_bias, key_bias, value_bias;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    visit(w.query, "attn_q.weight", query_width, width);
    visit(w.key, "attn_k.weight", kv_width, width);
    visit(w.value, "attn_v.weight", kv_width, width);
    if constexpr (spec.qkv_bias == bias::learned) {
      visit(w.query_bias, "attn_q.bias", query_width);
      visit(w.key_bias, "attn_k.bias", kv_width);
      visit(w.value_bias, "attn_v.bias", kv_width);
    }
    visit(w.output, "attn_output.weight", width, query_width);
  }

  enum slot { query, key, value, mixed };
  static constexpr activation_plan activations{query_width, kv_width, kv_width, query_width};

  template <class Machine>
  using state = cache_view<cache_number>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index capacity) {
    return cache_bytes<cache_number>(machine, shape, capacity);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine&, std::byte* memory, index capacity) {
    return {.data = memory, .shape = shape, .capacity = capacity, .length = 0};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index capacity) {
    const std::size_t products = matmul_scratch(machine, block_tokens, width > query_width ? width : query_width);
    const std::size_t attention = attention_scratch(machine, shape, block_tokens, capacity);
    return products > attention ? products : attention;
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> in, view<float, 2> stream) {
    const auto part = [&](slot s) { return activations.in(now.activations, s, now.tokens); };
    const auto by_head = [&](slot s, index count) { return view<float, 3>(part(s).data, now.tokens, count, spec.head_dim); };

    const product projections[] = {{.weights = w.query, .out = part(query), .bias = w.query_bias.data},
                                   {.weights = w.key, .out = part(key), .bias = w.key_bias.data},
                                   {.weights = w.value, .out = part(value), .bias = w.value_bias.data}};
    matmul<forms>(now.machine, in, projections, now.scratch);
    rotate(now.machine, Spec::position, by_head(query, spec.query_heads), now.first);
    rotate(now.machine, Spec::position, by_head(key, spec.kv_heads), now.first);
    append(now.machine, cache, by_head(key, spec.kv_heads), by_head(value, spec.kv_heads), now.first);
    attend<spec.head_dim, spec.head_dim>(now.machine, by_head(query, spec.query_heads), cache, by_head(mixed, spec.query_heads), Spec::mask, score, now.scratch);
    const product output[] = {{.weights = w.output, .out = stream, .how = finish::add}};
    matmul<forms>(now.machine, part(mixed), output, now.scratch);
  }
};

}  // namespace tenon
