#pragma once
// Cross-modal attention: queries from the stream, keys and values from a second input, such as the tokens of an image or a table.
//   y = Wo softmax(Wq x (Wk c)^T / (temperature sqrt(head_dim))) Wv c
// A sequence reads its context once; from then on this is a layer as any other. Tokens of the two inputs share no positions, so
// nothing is rotated and nothing is masked. Without a context the layer adds nothing.

#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>
#include <tenon/model/attention/training.hpp>

namespace tenon {

/// Grouped attention of the stream to the context that `Spec::context` describes.
template <class Spec, bool = context_rules<Spec>::assembles>
struct cross_attention : refused_context_layer {};

template <class Spec>
struct cross_attention<Spec, true> {
  static constexpr const char* norm_name = "cross_attn_norm.weight";
  static constexpr context_spec context = Spec::context;
  using parts_of = attention_projections<Spec, context.width>;
  using weights = typename parts_of::weights;
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w, visit,
                             {.query = "cross_attn_q.weight", .key = "cross_attn_k.weight", .value = "cross_attn_v.weight", .output = "cross_attn_output.weight",
                              .query_bias = "cross_attn_q.bias", .key_bias = "cross_attn_k.bias", .value_bias = "cross_attn_v.bias"});
  }

  static constexpr auto activations = parts_of::plan();

  /// The keys and values of the context; `length` is 0 before it was read. A type of its own: these are no keys of the sequence.
  template <class Machine>
  struct context_cache : cached_attention<Spec>::template state<Machine> {
    std::byte* told = nullptr;  ///< where kernels read how long it is
  };
  template <class Machine>
  using state = context_cache<Machine>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t) {
    return parts_of::cache_bytes(machine, context.most_tokens) + announcement_bytes(machine, 0);
  }
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* memory, index_t) {
    std::byte* const told = memory + parts_of::cache_bytes(machine, context.most_tokens);
    state<Machine> out{{.data = memory, .shape = parts_of::shape, .capacity = context.most_tokens}, told};
    const view<const float, 3> none(nullptr, 0, parts_of::spec.kv_heads, parts_of::spec.head_dim);
    append(machine, out, none, none, announce_place(machine, 0, 0, told));
    return out;
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t) {
    return parts_of::scratch_bytes(machine, context.most_tokens);
  }

  /// Makes `tokens` [token, context width] the context from its token `first` on; what stood there before is forgotten. Of `now`
  /// only the machine and the memory count. Throws tenon::error for a context that is wider or longer than the spec says.
  template <class Machine>
  static void read_context(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> tokens, index_t first = 0) {
    if (tokens.extent[1] != context.width)
      throw error("[context.width] is ", context.width, " in the spec, but the context has ", tokens.extent[1], " features. Fix: make them equal.");
    if (first < 0 || first > cache.length || first + tokens.extent[0] > context.most_tokens)
      throw error("[context.most_tokens] is ", context.most_tokens, ": tokens ", first, " to ", first + tokens.extent[0], " do not fit. Fix: a larger bound, or fewer tokens.");
    index_t done = 0;
    do {
      const index_t count = tokens.extent[0] - done < block_tokens ? tokens.extent[0] - done : block_tokens;
      const auto x = parts_of::in(activations, now.activations, count);
      const product keys[] = {{.weights = w.key, .out = parts_of::flat(x.key), .bias = w.key_bias.data}};
      const product values[] = {{.weights = w.value, .out = parts_of::flat(x.value), .bias = w.value_bias.data}};
      matmul<parts_of::forms>(now.machine, tokens.rows(done, count), keys, now.scratch);
      matmul<parts_of::forms>(now.machine, tokens.rows(done, count), values, now.scratch);
      append(now.machine, cache, x.key, x.value, announce_place(now.machine, count, first + done, cache.told));
      done += count;
    } while (done < tokens.extent[0]);
  }

  /// stream += the result, or stream = it.
  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, state<Machine>& cache, view<const float, 2> in, view<float, 2> stream, finish how = finish::add) {
    constexpr int dim = parts_of::spec.head_dim;
    const auto x = parts_of::in(activations, now.activations, now.tokens);
    const product query[] = {{.weights = w.query, .out = parts_of::flat(x.query), .bias = w.query_bias.data}};
    matmul<parts_of::forms>(now.machine, in, query, now.scratch);
    attend<dim, dim>(now.machine, x.query, of_any_length(cache), x.mixed, full{}, tempered(), now.scratch);
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream, how);
  }

  using training = attention_training<parts_of>;
  /// key and value are those of the context.
  struct saved : training::saved {
    std::vector<float> context;
  };
  struct gradients : training::gradients {
    std::vector<float> context;  ///< of the context's tokens, as long as these: `backward` writes it
  };
  /// read_context, and keeps what `backward` needs of it; before forward_saving.
  template <class Machine>
  static void read_context_saving(const pass<Machine>& now, const weights& w, state<Machine>& cache, saved& kept, view<const float, 2> tokens) {
    read_context(now, w, cache, tokens);
    kept.context = copied(tokens);
    kept.key = product_of<parts_of::forms>(now, tokens, w.key, w.key_bias.data);
    kept.value = product_of<parts_of::forms>(now, tokens, w.value, w.value_bias.data);
  }
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, state<Machine>&, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    training::keep_input(kept, in);
    kept.query = product_of<parts_of::forms>(now, in, w.query, w.query_bias.data);
    const auto x = training::heads_of(kept);
    if (!kept.context.empty()) training::attend(now, kept, x.key, x.value, full{}, tempered());
    training::finish(now, w, kept.mixed, stream);
  }
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    const std::vector<float> d_mixed = training::output_backward(now, w, kept.mixed, out_gradient, to);
    to.context = zeros(static_cast<index_t>(kept.context.size()));
    if (kept.context.empty()) return;
    typename training::saved d = training::zeros_like(kept);
    const auto x = training::heads_of(const_cast<saved&>(kept)), dx = training::heads_of(d);
    training::attend_backward(now, kept, x.key, x.value, d_mixed, dx.query, dx.key, dx.value, full{}, tempered());
    const view<const float, 2> read = rows_of(kept.context, context.width);
    product_backward(now, rows_of(kept.in, parts_of::width), w.query, rows_of(d.query, parts_of::query_width), in_gradient, to.query, to.query_bias.data());
    product_backward(now, read, w.key, rows_of(d.key, parts_of::kv_width), rows_of(to.context, context.width), to.key, to.key_bias.data());
    product_backward(now, read, w.value, rows_of(d.value, parts_of::kv_width), rows_of(to.context, context.width), to.value, to.value_bias.data());
  }

 private:
  static scaled tempered() { return {.factor = 1.0f / (context.temperature * __builtin_sqrtf(static_cast<float>(parts_of::spec.head_dim)))}; }
};

}  // namespace tenon
