#pragma once
// Dynamic attention (DAM): a generator looks at the mean of the tokens and gives each head a weight; heads that weigh less than a
// threshold are not computed.
//   g = W2 silu(W1 mean(x) + b1) + b2,  y = Wo [weight_h(g) attend_h(x)]_h,  weight = sigma(g) or H softmax(g)
// Saved by a skipped head: its scores, its sums over values, its reads of the cache. Not saved: its query and its output product,
// and its key and value, which later tokens may want. The scale of the scores is Spec::score's: scaled{} is 1/sqrt(head_dim),
// scaled{.factor = f} any other, such as 1/sqrt(width).

#include <tenon/kernels/launch/attention_heads.hpp>
#include <tenon/kernels/launch/row_softmax.hpp>
#include <tenon/kernels/launch/running_mean.hpp>
#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>
#include <tenon/model/attention/skipped.hpp>
#include <tenon/model/attention/surrogate.hpp>
#include <tenon/model/attention/training.hpp>

namespace tenon {

/// Grouped attention whose heads `Spec::dynamic` weighs and skips.
template <class Spec, bool = dynamic_rules<Spec>::assembles>
struct dynamic_attention : refused_layer {};

template <class Spec>
struct dynamic_attention<Spec, true> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  static constexpr dynamic_spec own = Spec::dynamic;
  static constexpr index_t width = parts_of::width, query_heads = parts_of::spec.query_heads;

  struct weights : parts_of::weights {
    matrix_parameter widen, weigh;
    vector_parameter widen_bias, weigh_bias;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w, visit);
    visit(w.widen, "attn_head_weights_up.weight", 2 * width, width);
    visit(w.widen_bias, "attn_head_weights_up.bias", 2 * width);
    visit(w.weigh, "attn_head_weights.weight", query_heads, 2 * width);
    visit(w.weigh_bias, "attn_head_weights.bias", query_heads);
  }

  enum slot { mean = parts_of::own, hidden, weight };
  static constexpr auto activations = parts_of::plan(width, 2 * width, query_heads);

  /// What one sequence remembers; `skipped` counts (token, head) pairs, as far as the host decides, `tally` where a GPU does.
  template <class Machine>
  struct memory {
    typename cached_attention<Spec>::template state<Machine> cache;
    running_mean<Machine> mean;
    heads_tally* tally;  ///< [kv_head], or null
    skipped_work skipped;
    void carry(const Machine& machine, const memory& from) {
      mean.carry(machine, from.mean), skipped = from.skipped;
      if (tally != nullptr) copy_within(machine, reinterpret_cast<std::byte*>(tally), reinterpret_cast<const std::byte*>(from.tally), tally_bytes<Machine>());
    }

    skipped_work skipped_so_far() const {
      skipped_work all = skipped;
      for (index_t kv = 0; tally != nullptr && kv < parts_of::spec.kv_heads; ++kv) all.heads += tally[kv].decided, all.heads_skipped += tally[kv].left_out;
      return all;
    }
  };
  template <class Machine>
  using state = memory<Machine>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t capacity) {
    return parts_of::cache_bytes(machine, capacity) + running_mean_bytes(machine, width) + tally_bytes<Machine>();
  }
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* bytes, index_t capacity) {
    std::byte* const sums = bytes + parts_of::cache_bytes(machine, capacity);
    auto* const tally = host_machine<Machine> ? nullptr : reinterpret_cast<heads_tally*>(sums + running_mean_bytes(machine, width));
    for (index_t kv = 0; tally != nullptr && kv < parts_of::spec.kv_heads; ++kv) tally[kv] = {};
    wrote(machine, tally, tally_bytes<Machine>());
    return {{.data = bytes, .shape = parts_of::shape, .capacity = capacity}, {machine, sums, width}, tally, {}};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    const std::size_t usual = parts_of::scratch_bytes(machine, capacity), generator = matmul_scratch(machine, block_tokens, 2 * width),
                      chosen = attention_heads_scratch<typename parts_of::cache_number>(machine, parts_of::shape, block_tokens, capacity);
    const std::size_t more = generator > chosen ? generator : chosen;
    return usual > more ? usual : more;
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, memory<Machine>& state, view<const float, 2> in, view<float, 2> stream) {
    constexpr int dim = parts_of::spec.head_dim;
    const auto x = parts_of::in(activations, now.activations, now.tokens);
    const view<const float, 2> by = head_weights_of(now, w, state.mean, in);
    parts_of::project(now, w, in, x);
    parts_of::turn(now, x);
    append(now.machine, state.cache, x.key, x.value, now.first);
    const auto attend_to = [&](auto... counted) {
      return attend_heads<dim, dim>(now.machine, x.query, state.cache, x.mixed, head_choice{by, own.threshold}, Spec::mask, parts_of::score, now.scratch, counted...);
    };
    if constexpr (host_machine<Machine>)
      state.skipped.heads += now.tokens * query_heads, state.skipped.heads_skipped += attend_to();
    else
      attend_to(state.tally);
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream);
  }

  /// The weight of every head for every token of the block: [token, head].
  template <class Machine>
  static view<float, 2> head_weights_of(const pass<Machine>& now, const weights& w, running_mean<Machine>& seen, view<const float, 2> in) {
    const auto part = [&](slot s) { return activations.in(now.activations, s, now.tokens); };
    follow_mean(now.machine, seen, in, part(mean), now.first, own.mean == decides_by::tokens_seen ? mean_of::seen : mean_of::block);
    const product widened[] = {{.weights = w.widen, .out = part(hidden), .bias = w.widen_bias.data}};
    matmul<parts_of::forms>(now.machine, part(mean), widened, now.scratch);
    open_gate(now.machine, alone<silu>{}, part(hidden), part(hidden), part(hidden));
    const product weighed[] = {{.weights = w.weigh, .out = part(weight), .bias = w.weigh_bias.data}};
    matmul<parts_of::forms>(now.machine, part(hidden), weighed, now.scratch);
    if constexpr (own.weights == head_weights::sigmoid)
      open_gate(now.machine, alone<sigmoid_gate>{}, part(weight), part(weight), part(weight));
    else
      row_softmax(now.machine, part(weight));
    return part(weight);
  }

  using training = attention_training<parts_of>;
  struct saved : training::saved {
    std::vector<float> mean, widened, weight;  ///< of the generator: what it looked at, before its silu, what it gave
  };
  struct gradients : training::gradients {
    std::vector<float> widen = zeros(2 * width * width), widen_bias = zeros(2 * width), weigh = zeros(2 * width * query_heads), weigh_bias = zeros(query_heads);
  };
  /// Computes every head: the surrogate gradient asks what a skipped one would have given.
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, memory<Machine>& state, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    const auto x = training::project(now, w, kept, in);
    kept.mean.clear(), kept.weight.clear();
    in_blocks(now, now.tokens, [&](const pass<Machine>& block, index_t done) {
      head_weights_of(block, w, state.mean, in.rows(done, block.tokens));
      const auto keep = [&](slot s, std::vector<float>& to) {
        const view<float, 2> from = activations.in(now.activations, s, block.tokens);
        to.insert(to.end(), from.data, from.data + from.size());
      };
      keep(mean, kept.mean), keep(weight, kept.weight);
    });
    kept.widened = product_of<parts_of::forms>(now, by_mean(kept), w.widen, w.widen_bias.data);
    parts_of::turn(now, x);
    append(now.machine, state.cache, x.key, x.value, now.first);
    training::attend(now, kept, x.key, x.value, Spec::mask, parts_of::score);
    state.skipped.heads += static_cast<index_t>(kept.weight.size());
    training::finish(now, w, weighed<Machine>(kept), stream);
  }
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    std::vector<float> d_mixed = training::output_backward(now, w, weighed<Machine>(kept), out_gradient, to), d_weight = zeros(now.tokens * query_heads);
    for (std::size_t i = 0; i < d_mixed.size(); ++i) {
      const float weight = kept.weight[i / head_dim];
      d_weight[i / head_dim] += kept.mixed[i] * d_mixed[i] * (hard(weight) + weight * own_surrogate.slope(weight));
      d_mixed[i] *= weight * hard(weight);
    }
    generator_backward(now, w, kept, d_weight, in_gradient, to);
    typename training::saved d = training::zeros_like(kept);
    const auto x = training::heads_of(const_cast<saved&>(kept)), dx = training::heads_of(d);
    training::attend_backward(now, kept, x.key, x.value, d_mixed, dx.query, dx.key, dx.value, Spec::mask, parts_of::score);
    training::turn_backward(now, Spec::position, dx);
    training::project_backward(now, w, kept, d, in_gradient, to);
  }

  /// L2 on the generator, as the spec's `penalty` weighs it; biases are free.
  template <class Machine>
  static double penalize(const Machine& machine, const weights& w, gradients& to) {
    return l2_penalty(machine, w.widen, own.penalty, rows_of(to.widen, width)) + l2_penalty(machine, w.weigh, own.penalty, rows_of(to.weigh, 2 * width));
  }

 private:
  static constexpr std::size_t head_dim = static_cast<std::size_t>(parts_of::spec.head_dim);
  static constexpr surrogate own_surrogate{own.threshold, own.temperature};
  static constexpr float hard(float weight) { return weight < own.threshold ? 0.0f : 1.0f; }
  static view<const float, 2> by_mean(const saved& kept) { return rows_of(kept.mean, width); }
  template <class Machine>
  static std::vector<float> weighed(const saved& kept) {
    std::vector<float> out = kept.mixed;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= kept.weight[i / head_dim] * hard(kept.weight[i / head_dim]);
    return out;
  }
  // From the gradient of the weights [token, head] to those of the generator and of the tokens whose mean it saw.
  template <class Machine>
  static void generator_backward(const pass<Machine>& now, const weights& w, const saved& kept, std::vector<float>& d_weight, view<float, 2> in_gradient, gradients& to) {
    for (std::size_t first = 0; first < d_weight.size(); first += static_cast<std::size_t>(query_heads)) {
      float shared = 0;  // of the softmax: sum_h p_h d_h
      for (std::size_t h = first; h < first + static_cast<std::size_t>(query_heads); ++h) shared += kept.weight[h] * d_weight[h] / static_cast<float>(query_heads);
      for (std::size_t h = first; h < first + static_cast<std::size_t>(query_heads); ++h)
        d_weight[h] = kept.weight[h] * (own.weights == head_weights::sigmoid ? d_weight[h] * (1 - kept.weight[h]) : d_weight[h] - shared);
    }
    std::vector<float> hidden = kept.widened, d_hidden = zeros(static_cast<index_t>(hidden.size())), d_mean = zeros(now.tokens * width);
    for (float& h : hidden) h = silu{}.open(h, 1.0f);
    product_backward(now, rows_of(hidden, 2 * width), w.weigh, rows_of(d_weight, query_heads), rows_of(d_hidden, 2 * width), to.weigh, to.weigh_bias.data());
    for (std::size_t i = 0; i < d_hidden.size(); ++i) d_hidden[i] *= slopes(silu{}, kept.widened[i], 1.0f).gate;
    product_backward(now, by_mean(kept), w.widen, rows_of(d_hidden, 2 * width), rows_of(d_mean, width), to.widen, to.widen_bias.data());
    mean_backward(rows_of(d_mean, width), in_gradient);
  }
  // A token went into the means of all tokens from it on, or of its whole block.
  static void mean_backward(view<const float, 2> d_mean, view<float, 2> in_gradient) {
    constexpr bool seen = own.mean == decides_by::tokens_seen;
    const index_t tokens = d_mean.extent[0], most = seen ? tokens : block_tokens;
    for (index_t first = 0; first < tokens; first += most) {
      const index_t count = tokens - first < most ? tokens - first : most;
      for (index_t i = 0; i < width; ++i) {
        double whole = 0, later = 0;
        for (index_t t = first; t < first + count; ++t) whole += static_cast<double>(d_mean(t, i)) / static_cast<double>(count);
        for (index_t t = first + count - 1; t >= first; --t) {
          later += static_cast<double>(d_mean(t, i)) / static_cast<double>(t + 1);
          in_gradient(t, i) += static_cast<float>(seen ? later : whole);
        }
      }
    }
  }
  template <class Machine>
  static constexpr std::size_t tally_bytes() {
    return host_machine<Machine> ? 0 : round_up(static_cast<std::size_t>(parts_of::spec.kv_heads) * sizeof(heads_tally), 64);
  }
};

}  // namespace tenon
