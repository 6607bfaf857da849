#pragma once
// The bridge between modalities (CMAB): both inputs are projected to a narrow width, attend there, and the result is projected back.
//   y = U MHA(q = Pt x, k = v = Pv c),  MHA with Wq, Wk, Wv, Wo of its own
// The stream is the text; the bridge adds to it, so that without a context it is the identity.

#include <tenon/model/attention/cross.hpp>

namespace tenon {

/// Multi-head attention of width `Spec::bridge.width` from the stream to the context that `Spec::context` describes.
template <class Spec, bool = bridge_rules<Spec>::assembles>
struct bridge : refused_context_layer {};

template <class Spec>
struct bridge<Spec, true> {
  static constexpr const char* norm_name = "bridge_norm.weight";
  static constexpr index width = Spec::shape.width, narrow = Spec::bridge.width, context_width = Spec::context.width;
  static constexpr form_set forms = forms_of(Spec::precision);

  /// The attention in the middle, as a spec of its own.
  struct middle {
    static constexpr decoder_spec shape{.width = narrow};
    static constexpr attention_spec attention{.query_heads = Spec::bridge.heads, .kv_heads = Spec::bridge.heads, .head_dim = narrow / Spec::bridge.heads};
    static constexpr context_spec context{.width = narrow, .most_tokens = Spec::context.most_tokens, .temperature = Spec::context.temperature};
    static constexpr auto score = scaled{};
    static constexpr auto position = no_rotation{};
    static constexpr auto precision = Spec::precision;
  };
  using core = cross_attention<middle>;

  struct weights {
    matrix_parameter from_stream, from_context, back;  // Pt, Pv, U
    typename core::weights attention;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    visit(w.from_stream, "bridge_stream.weight", narrow, width);
    visit(w.from_context, "bridge_context.weight", narrow, context_width);
    core::each_parameter(w.attention, visit);
    visit(w.back, "bridge_output.weight", width, narrow);
  }

  // The attention's own plan comes last.
  enum slot { narrowed, mixed, inner };
  static constexpr activation_plan activations{narrow, narrow, (core::activations.size() + block_tokens - 1) / block_tokens};

  template <class Machine>
  using state = typename core::template state<Machine>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index capacity) {
    return core::state_bytes(machine, capacity);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* memory, index capacity) {
    return core::open_state(machine, memory, capacity);
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index capacity) {
    constexpr index wider = width > context_width ? width : context_width;
    const std::size_t around = matmul_scratch(machine, block_tokens, wider > narrow ? wider : narrow), within = core::scratch_bytes(machine, capacity);
    return around > within ? around : within;
  }

  /// As cross_attention::read_context.
  template <class Machine>
  static void read_context(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> tokens, index first = 0) {
    if (tokens.extent[0] == 0) cache.length = first;
    for (index done = 0; done < tokens.extent[0]; done += block_tokens) {
      const index count = tokens.extent[0] - done < block_tokens ? tokens.extent[0] - done : block_tokens;
      const view<float, 2> short_tokens = activations.in(now.activations, narrowed, count);
      const product down[] = {{.weights = w.from_context, .out = short_tokens}};
      matmul<forms>(now.machine, tokens.rows(done, count), down, now.scratch);
      core::read_context(within(now), w.attention, cache, short_tokens, first + done);
    }
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> in, view<float, 2> stream) {
    const view<float, 2> short_tokens = activations.in(now.activations, narrowed, now.tokens), sum = activations.in(now.activations, mixed, now.tokens);
    const product down[] = {{.weights = w.from_stream, .out = short_tokens}};
    matmul<forms>(now.machine, in, down, now.scratch);
    for (index i = 0; i < sum.size(); ++i) sum.data[i] = 0;
    core::forward(within(now), w.attention, cache, short_tokens, sum);
    const product up[] = {{.weights = w.back, .out = stream, .how = finish::add}};
    matmul<forms>(now.machine, sum, up, now.scratch);
  }

 private:
  // The same pass, with the attention's part of the arena.
  template <class Machine>
  static pass<Machine> within(const pass<Machine>& now) {
    return {now.machine, now.first, now.tokens, now.activations + activations.offset(inner), now.scratch};
  }
};

}  // namespace tenon
