#pragma once
// Self-attention with grouped heads, rotary positions and a cache: y = Wo attend(rotate(Wq x), rotate(Wk x), Wv x).

#include <tenon/model/attention/projections.hpp>

namespace tenon {

/// The attention layer that a spec describes: its attention numbers, mask, score, position and precision.
template <class Spec>
struct grouped_attention : cached_attention<Spec> {
  static constexpr const char* norm_name = "attn_norm.weight";
  using parts_of = attention_projections<Spec>;
  static constexpr auto score = parts_of::score;
  using weights = typename parts_of::weights;
  template <class Visit>
  static constexpr void each_parameter(weights& w, Visit& visit) {
    parts_of::each_parameter(w, visit);
  }

  static constexpr auto activations = parts_of::plan();

  template <class Machine>
  static void forward(const pass<Machine>& now, const weights& w, typename cached_attention<Spec>::template state<Machine>& cache, view<const float, 2> in, view<float, 2> stream) {
    constexpr int dim = parts_of::spec.head_dim;
    const auto x = parts_of::in(activations, now.activations, now.tokens);
    parts_of::project(now, w, in, x);
    parts_of::turn(now, x);
    append(now.machine, cache, x.key, x.value, now.first);
    attend<dim, dim>(now.machine, x.query, cache, x.mixed, Spec::mask, score, now.scratch);
    parts_of::finish(now, w, parts_of::flat(x.mixed), stream);
  }
};

}  // namespace tenon
