#pragma once
// Gated sparse attention: a gate per token says how much it counts as a key; keys that hardly count are neither stored nor attended.
//   gamma_j = sigma(w . x_j + b); keys with gamma < threshold are dropped; the scores of kept keys get log gamma added
// Saved by a dropped key: its place in the cache, its scores for every later query, its share of every sum over values. Not saved:
// its own projections, and its query, which attends as any other.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <tenon/kernels/launch/kept_keys.hpp>
#include <tenon/model/attention/projections.hpp>
#include <tenon/model/attention/rules.hpp>
#include <tenon/model/attention/skipped.hpp>
#include <tenon/model/attention/surrogate.hpp>
#include <tenon/model/attention/training.hpp>
#include <tenon/model/shelf.hpp>

namespace tenon {

/// Grouped attention over the keys that `Spec::key_gate` keeps.
template <class Spec, bool = key_gate_rules<Spec>::assembles>
struct gated_sparse_attention : refused_layer {};

template <class Spec>
struct gated_sparse_attention<Spec, true> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  static constexpr key_gate_spec own = Spec::key_gate;

  struct weights : parts_of::weights {
    matrix_parameter gate;
    vector_parameter gate_bias;
  };
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w, visit);
    visit(w.gate, "attn_key_gate.weight", 1, parts_of::width);
    visit(w.gate_bias, "attn_key_gate.bias", 1);
  }

  static constexpr auto activations = parts_of::plan(1);

  /// What one sequence remembers: the kept keys alone, and what stands beside each. A GPU decides and counts by itself.
  template <class Machine>
  struct memory {
    typename cached_attention<Spec>::template state<Machine> cache;
    kept_keys<Machine> kept;
    skipped_work skipped;  ///< as far as the host has counted

    skipped_work skipped_so_far() const {
      skipped_work all = skipped;
      if constexpr (requires { kept.tally; }) all += counted(kept.tally->decided, kept.tally->left_out);
      return all;
    }
    using shelf_type = shelf<typename cached_attention<Spec>::template state<Machine>, Machine>;
    void each_shelf(const auto& f) { f(shelf_type{.caches = {&cache, 1}, .tokens_per_key = 0, .kept = &kept}); }
    void carry(const Machine& machine, const memory& from) { kept.carry(machine, from.kept, from.cache.length), cache.length = from.cache.length, skipped = from.skipped; }
  };
  template <class Machine>
  using state = memory<Machine>;
  template <class Machine>
  static std::size_t state_bytes(const Machine& machine, index_t capacity) {
    return parts_of::cache_bytes(machine, capacity) + kept_keys_bytes(machine, capacity);
  }
  /// Room for the case that every key is kept; on a processor the system gives pages to those that are.
  template <class Machine>
  static state<Machine> open_state(const Machine& machine, std::byte* bytes, index_t capacity) {
    const kept_keys<Machine> kept(machine, bytes + parts_of::cache_bytes(machine, capacity), capacity);
    return {{.data = bytes, .shape = parts_of::shape, .capacity = capacity}, kept, {}};
  }
  template <class Machine>
  static std::size_t scratch_bytes(const Machine& machine, index_t capacity) {
    return parts_of::scratch_bytes(machine, capacity);
  }

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, memory<Machine>& state, view<const float, 2> in, view<float, 2> stream) {
    constexpr int dim = parts_of::spec.head_dim;
    const auto x = parts_of::in(activations, now.activations, now.tokens);
    const view<float, 2> gate = activations.in(now.activations, parts_of::own, now.tokens);
    parts_of::project(now, w, in, x);
    const product gated[] = {{.weights = w.gate, .out = gate, .bias = w.gate_bias.data}};
    matmul<parts_of::forms>(now.machine, in, gated, now.scratch);
    parts_of::turn(now, x);
    keep_keys(now, state, gate, x);

    auto shift = query_shift(state.cache, state.kept, now.first, now.tokens);
    const gathered_keys<mask_type, decltype(shift)> mask{Spec::mask, state.kept.positions, shift};
    attend<dim, dim>(now.machine, x.query, state.cache, x.mixed, mask, over_keys(parts_of::score, state.kept.positions, shift) >> key_bias{.values = state.kept.log_gate}, now.scratch);
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream);
  }

  using training = attention_training<parts_of>;
  /// The keys and values of some positions, and log gamma of each.
  struct some_keys {
    std::vector<std::int32_t> positions;
    std::vector<float> key, value, log_gate;
    index_t count() const { return static_cast<index_t>(positions.size()); }
  };
  struct saved : training::saved {
    std::vector<float> gate;  ///< before the logistic
    some_keys kept, dropped;
  };
  struct gradients : training::gradients {
    std::vector<float> gate = zeros(parts_of::width), gate_bias = zeros(1);
  };
  template <class Machine>
  static void forward_saving(const pass<Machine>& now, const weights& w, memory<Machine>& state, saved& kept, view<const float, 2> in, view<float, 2> stream) {
    const auto x = training::project(now, w, kept, in);
    kept.gate = product_of<parts_of::forms>(now, in, w.gate, w.gate_bias.data);
    const view<float, 2> gate = rows_of(kept.gate, 1);
    parts_of::turn(now, x);
    kept.kept = kept.dropped = {};
    for (index_t t = 0; t < now.tokens; ++t) {
      some_keys& side = logistic(gate(t, 0)) < own.threshold ? kept.dropped : kept.kept;
      side.positions.push_back(static_cast<std::int32_t>(t));
      side.log_gate.push_back(log_logistic(gate(t, 0)));
      side.key.insert(side.key.end(), &x.key(t, 0, 0), &x.key(t, 0, 0) + parts_of::kv_width);
      side.value.insert(side.value.end(), &x.value(t, 0, 0), &x.value(t, 0, 0) + parts_of::kv_width);
    }
    in_blocks(now, now.tokens, [&](const pass<Machine>& block, index_t done) {
      const auto of_cache = parts_of::in(activations, now.activations, block.tokens);
      std::copy_n(&x.key(done, 0, 0), block.tokens * parts_of::kv_width, of_cache.key.data);
      std::copy_n(&x.value(done, 0, 0), block.tokens * parts_of::kv_width, of_cache.value.data);
      keep_keys(block, state, gate.rows(done, block.tokens), of_cache);
    });
    const some_keys& side = kept.kept;
    training::attend(now, kept, by_head(side.key), by_head(side.value), mask_of(side, now.tokens), score_of(side, now.tokens, nullptr));
    training::finish(now, w, kept.mixed, stream);
  }
  /// A dropped key gets no gradient of its own; its gate learns what the key would have given beside the kept ones.
  template <class Machine>
  static void backward(const pass<Machine>& now, const weights& w, const saved& kept, view<const float, 2> out_gradient, view<float, 2> in_gradient, gradients& to) {
    const std::vector<float> d_mixed = training::output_backward(now, w, kept.mixed, out_gradient, to);
    typename training::saved d = training::zeros_like(kept), unused = training::zeros_like(kept);
    std::vector<float> d_gate = zeros(now.tokens);
    const auto walk = [&](const some_keys& side, view<float, 3> d_query, bool stays) {
      if (side.count() == 0 || kept.kept.count() == 0) return;
      std::vector<float> d_key = zeros(side.count() * parts_of::kv_width), d_value = d_key, d_log_gate = zeros(side.count());
      training::attend_backward(now, kept, by_head(side.key), by_head(side.value), d_mixed, d_query, by_head(d_key), by_head(d_value), mask_of(side, now.tokens),
                                score_of(side, now.tokens, d_log_gate.data()));
      for (std::size_t j = 0; j < side.positions.size(); ++j) {
        const auto t = static_cast<std::size_t>(side.positions[j]);
        const float gamma = logistic(kept.gate[t]), soft = surrogate{own.threshold, own.temperature}.slope(gamma) * gamma * (1 - gamma);
        d_gate[t] = d_log_gate[j] * (stays ? 1 - gamma + soft : soft);
        if (!stays) continue;
        std::copy_n(d_key.data() + index_t(j) * parts_of::kv_width, parts_of::kv_width, d.key.data() + index_t(t) * parts_of::kv_width);
        std::copy_n(d_value.data() + index_t(j) * parts_of::kv_width, parts_of::kv_width, d.value.data() + index_t(t) * parts_of::kv_width);
      }
    };
    walk(kept.kept, training::heads_of(d).query, true);
    walk(kept.dropped, training::heads_of(unused).query, false);
    product_backward(now, rows_of(kept.in, parts_of::width), w.gate, rows_of(d_gate, 1), in_gradient, to.gate, to.gate_bias.data());
    training::turn_backward(now, Spec::position, training::heads_of(d));
    training::project_backward(now, w, kept, d, in_gradient, to);
  }

 private:
  using mask_type = std::remove_const_t<decltype(Spec::mask)>;
  template <class Score, class Shift>
  static auto over_keys(const Score& score, const std::int32_t* positions, Shift shift) {
    if constexpr (plain_score<Score>)
      return score;
    else
      return gathered_keys<Score, Shift>{score, positions, shift};
  }
  static gathered_keys<mask_type> mask_of(const some_keys& side, index_t tokens) { return {Spec::mask, side.positions.data(), static_cast<int>(tokens - side.count())}; }
  static auto score_of(const some_keys& side, index_t tokens, float* d_log_gate) {
    return over_keys(parts_of::score, side.positions.data(), static_cast<int>(tokens - side.count())) >>
           key_bias{.values = side.log_gate.data(), .batch_stride = 0, .d_values = d_log_gate};
  }
  static view<const float, 3> by_head(const std::vector<float>& x) {
    return {x.data(), static_cast<index_t>(x.size()) / parts_of::kv_width, index_t{parts_of::spec.kv_heads}, index_t{parts_of::spec.head_dim}};
  }
  static view<float, 3> by_head(std::vector<float>& x) {
    return {x.data(), static_cast<index_t>(x.size()) / parts_of::kv_width, index_t{parts_of::spec.kv_heads}, index_t{parts_of::spec.head_dim}};
  }

  static skipped_work counted(index_t keys, index_t dropped) {
    return {.keys = keys,
            .keys_skipped = dropped,
            .cache_bytes_saved = static_cast<std::size_t>(dropped * parts_of::spec.kv_heads * 2 * cached_row_bytes<typename parts_of::cache_number>(parts_of::spec.head_dim))};
  }
  template <class Machine>
  static void keep_keys(const pass<Machine>& now, memory<Machine>& state, view<const float, 2> gate, const typename parts_of::parts& x) {
    if constexpr (host_machine<Machine>)
      state.skipped += counted(now.tokens, append_kept(now.machine, state.cache, state.kept, gate, own.threshold, x.key, x.value, now.first));
    else
      append_kept(now.machine, state.cache, state.kept, gate, own.threshold, x.key, x.value, now.first);
  }
};

}  // namespace tenon
