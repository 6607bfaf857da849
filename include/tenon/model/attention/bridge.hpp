#pragma once
// The bridge between modalities (CMAB): both inputs are projected to a narrow width, attend there, and the result is projected back.
//   y = U MHA(q = Pt x, k = v = Pv c),  MHA with Wq, Wk, Wv, Wo of its own
// The stream is the text; the bridge adds to it, so that without a context it is the identity.

#include <utility>

#include <tenon/model/attention/cross.hpp>

namespace tenon {

/// Multi-head attention of width `Spec::bridge.width` from the stream to the context that `Spec::context` describes.
template <class Spec, bool = bridge_rules<Spec>::assembles>
struct bridge : refused_context_layer {};

template <class Spec>
struct bridge<Spec, true> {
  static constexpr const char* norm_name = "bridge_norm.weight";
  static constexpr index_t width = Spec::shape.width, narrow = Spec::bridge.width, context_width = Spec::context.width;
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
  static std::size_t state_bytes(const Machine& machine, index_t capacity) {
    return core::state_bytes(machine, capacity);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* memory, index_t capacity) {
    return core::open_state(machine, memory, capacity);
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    constexpr index_t wider = width > context_width ? width : context_width;
    const std::size_t around = matmul_scratch(machine, block_tokens, wider > narrow ? wider : narrow), within = core::scratch_bytes(machine, capacity);
    return around > within ? around : within;
  }

  /// As cross_attention::read_context.
  template <class Machine>
  static void read_context(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> tokens, index_t first = 0) {
    index_t done = 0;
    do {
      const index_t count = tokens.extent[0] - done < block_tokens ? tokens.extent[0] - done : block_tokens;
      const view<float, 2> short_tokens = activations.in(now.activations, narrowed, count);
      const product down[] = {{.weights = w.from_context, .out = short_tokens}};
      matmul<forms>(now.machine, tokens.rows(done, count), down, now.scratch);
      core::read_context(within(now), w.attention, cache, short_tokens, first + done);
      done += count;
    } while (done < tokens.extent[0]);
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> in, view<float, 2> stream) {
    const view<float, 2> short_tokens = activations.in(now.activations, narrowed, now.tokens), sum = activations.in(now.activations, mixed, now.tokens);
    const product down[] = {{.weights = w.from_stream, .out = short_tokens}};
    matmul<forms>(now.machine, in, down, now.scratch);
    core::forward(within(now), w.attention, cache, short_tokens, sum, finish::store);
    const product up[] = {{.weights = w.back, .out = stream, .how = finish::add}};
    matmul<forms>(now.machine, sum, up, now.scratch);
  }

  struct saved {
    std::vector<float> in, narrow, sum, context;  ///< the stream, Pt of it, the result of the attention, the context
    typename core::saved attention;
  };
  struct gradients {
    std::vector<float> from_stream = zeros(bridge::narrow * width), from_context = zeros(bridge::narrow * context_width), back = zeros(width * bridge::narrow);
    typename core::gradients attention;
    std::vector<float> context;  ///< as of cross_attention
  };
  /// As cross_attention::read_context_saving.
  template <class Machine>
  static void read_context_saving(const pass<Machine>& now, const weights& w, state<Machine>& cache, saved& kept, view<const float, 2> tokens) {
    kept.context = copied(tokens);
    const std::vector<float> short_tokens = product_of<forms>(now, tokens, w.from_context);
    core::read_context_saving(within(now), w.attention, cache, kept.attention, rows_of(short_tokens, narrow));
  }
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, state<Machine>& cache, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    kept.in = copied(in), kept.narrow = product_of<forms>(now, in, w.from_stream), kept.sum = zeros(now.tokens * narrow);
    core::forward_saving(within(now), w.attention, cache, kept.attention, rows_of(kept.narrow, narrow), rows_of(kept.sum, narrow));
    multiply_in_blocks<forms>(now, rows_of(kept.sum, narrow), w.back, stream, nullptr, finish::add);
  }
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    std::vector<float> d_sum = zeros(now.tokens * narrow), d_narrow = d_sum;
    product_backward(now, rows_of(kept.sum, narrow), w.back, out_gradient, rows_of(d_sum, narrow), to.back);
    core::backward(within(now), w.attention, kept.attention, rows_of(std::as_const(d_sum), narrow), rows_of(d_narrow, narrow), to.attention);
    product_backward(now, rows_of(kept.in, width), w.from_stream, rows_of(d_narrow, narrow), in_gradient, to.from_stream);
    to.context = zeros(static_cast<index_t>(kept.context.size()));
    product_backward(now, rows_of(kept.context, context_width), w.from_context, rows_of(to.attention.context, narrow), rows_of(to.context, context_width), to.from_context);
  }

 private:
  // The same pass, with the attention's part of the arena.
  template <class Machine>
  static pass<Machine> within(const pass<Machine>& now) {
    return {now.machine, now.first, now.tokens, now.activations + activations.offset(inner), now.scratch};
  }
};

}  // namespace tenon
