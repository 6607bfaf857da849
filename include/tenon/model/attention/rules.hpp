#pragma once
// The rules of the attention layers, one sentence each. As in model/rules.hpp, a broken rule is one error: the layer that is
// refused stands as an empty one, so that nothing else is reported.

#include <concepts>
#include <type_traits>

#include <tenon/model/attention/spec.hpp>
#include <tenon/model/refused_layer.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

namespace tenon {

namespace detail {
constexpr bool in_unit_range(float x) { return x >= 0 && x <= 1; }
/// Whether a query may see the key after it.
template <class Spec>
constexpr bool sees_later_keys = Spec::mask.keep(position{.query = 0, .key = 1});
template <class Weighting>
inline constexpr bool weighs_linearly = requires(const Weighting& w) { w.features; };
template <class Spec>
concept names_output_gate = requires { { Spec::output_gate } -> std::convertible_to<gate_per>; };
}  // namespace detail

/// Of output_gated_attention.
template <class Spec>
struct output_gate_rules {
  static constexpr bool assembles = detail::names_output_gate<Spec>;
  static_assert(assembles, "[output_gate] is not named: a gate opens whole heads or elements. Fix: output_gate = gate_per::head, or element.");
};

/// Of dynamic_attention.
template <class Spec>
struct dynamic_rules {
 private:
  static constexpr dynamic_spec own = Spec::dynamic;
  static constexpr bool threshold = detail::in_unit_range(own.threshold);
  static_assert(threshold, "[dynamic.threshold] must lie in [0, 1], as the weights of heads do. Fix: 0 computes every head, 0.1 skips the weakest.");

  static constexpr bool temperature = own.temperature > 0;
  static_assert(temperature, "[dynamic.temperature] must be positive: the surrogate gradient divides by it. Fix: leave it out, or 0.1.");

  static constexpr bool penalty = own.penalty >= 0;
  static_assert(penalty, "[dynamic.penalty] must not be negative: it would make the generator's weights grow without end. Fix: 0 for none, 1e-4.");

  static constexpr bool later = own.mean == decides_by::tokens_seen || detail::sees_later_keys<Spec>;
  static_assert(later, "[dynamic.mean] of a whole block looks at tokens that the mask hides. Fix: decides_by::tokens_seen, or another mask.");

 public:
  static constexpr bool assembles = threshold && temperature && penalty && later;
};

/// Of gated_sparse_attention.
template <class Spec>
struct key_gate_rules {
 private:
  static constexpr key_gate_spec own = Spec::key_gate;
  static constexpr bool threshold = detail::in_unit_range(own.threshold);
  static_assert(threshold, "[key_gate.threshold] must lie in [0, 1], as gates do. Fix: 0 keeps every key, 0.05 drops those that hardly count.");

  static constexpr bool temperature = own.temperature > 0;
  static_assert(temperature, "[key_gate.temperature] must be positive: the surrogate gradient divides by it. Fix: leave it out, or 0.1.");

 public:
  static constexpr bool assembles = threshold && temperature;
};

/// Of three_d_attention.
template <class Spec>
struct encoding_rules {
 private:
  static constexpr encoding_spec own = Spec::encoding;
  static constexpr bool terms = own.terms > 0;
  static_assert(terms, "[encoding.terms] must be positive: it is how many frequencies encode a distance. Fix: 8; or use grouped attention.");

  using weighting = std::remove_const_t<decltype(Spec::weighting)>;
  static constexpr bool compressed = detail::weighs_linearly<weighting>;
  static constexpr bool floor = !compressed || own.floor > 0;
  static_assert(floor, "[encoding.floor] must be positive: where the series is at its least, nothing else is left of a weight. Fix: leave it out for 1.");

  static constexpr bool seen = !compressed || std::same_as<std::remove_const_t<decltype(Spec::mask)>, causal>;
  static_assert(seen, "[mask] of linear weights must be causal in a layer: its state holds all tokens up to the query. Fix: causal{}, or softmax.");

  static constexpr bool scores = !compressed || plain_score<std::remove_const_t<decltype(Spec::score)>>;
  static_assert(scores, "[score] of linear weights in a layer must be scaled{}: features take the place of scores. Fix: scaled{}, or softmax.");

  static constexpr bool acts = own.task == task_encoding::none || std::same_as<weighting, sigmoid>;
  static_assert(acts, "[encoding.task] is the same for all keys of a query: softmax cancels it. Fix: weighting = sigmoid{...}, or no task.");

 public:
  static constexpr bool assembles = terms && floor && seen && scores && acts;
};

/// Of cross_attention.
template <class Spec>
struct context_rules {
 private:
  static constexpr context_spec own = Spec::context;
  static constexpr bool sizes = own.width > 0 && own.most_tokens > 0;
  static_assert(sizes, "[context] must give a positive width and most_tokens: memory is taken for them. Fix: set both.");

  static constexpr bool temperature = own.temperature > 0;
  static_assert(temperature, "[context.temperature] must be positive: it divides the logits. Fix: leave it out for 1; above 1 spreads the weights.");

 public:
  static constexpr bool assembles = sizes && temperature;
};

/// Of bridge.
template <class Spec>
struct bridge_rules {
 private:
  static constexpr bridge_spec own = Spec::bridge;
  static constexpr bool heads = own.heads > 0 && own.width > 0 && own.width % (8 * own.heads) == 0 && own.width / own.heads <= 576;
  static_assert(heads, "[bridge.heads] must cut bridge.width into heads of a multiple of 8, at most 576. Fix: 8 heads of 16 make the usual 128.");

 public:
  static constexpr bool assembles = heads && context_rules<Spec>::assembles;
};

/// Of tri_attention.
template <class Spec>
struct segment_rules {
 private:
  static constexpr bool length = Spec::segments.length > 0;
  static_assert(length, "[segments.length] must be positive: it is how many tokens make a segment. Fix: 16 for segments of 16 tokens.");

  using mask_type = std::remove_const_t<decltype(Spec::mask)>;
  static constexpr bool mask = std::same_as<mask_type, causal> || std::same_as<mask_type, full>;
  static_assert(mask, "[mask] of tri-attention must be causal or full: it means tokens within a segment and whole segments alike. Fix: one of the two.");

 public:
  static constexpr bool assembles = length && mask;
};

}  // namespace tenon
