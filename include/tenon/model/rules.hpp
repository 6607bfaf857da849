#pragma once
// The rules that a decoder's parts must satisfy to fit, one sentence each. A broken rule is one error: the door
// `assembles` keeps the implementation from being looked at.

#include <concepts>
#include <type_traits>

#include <tenon/model/policy_rules.hpp>
#include <tenon/model/spec.hpp>
#include <tenon/policies/gate.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/position.hpp>
#include <tenon/policies/precision.hpp>
#include <tenon/policies/score.hpp>

namespace tenon {

/// A spec names every part of a decoder; which values fit is a matter of decoder_rules.
template <class Spec>
concept names_decoder_parts = requires {
  { Spec::shape } -> std::convertible_to<decoder_spec>;
  { Spec::attention } -> std::convertible_to<attention_spec>;
  Spec::mask;
  Spec::score;
  Spec::position;
  Spec::gate.hidden;
  Spec::precision;
};

/// Every rule of assembly for a decoder spec. `assembles` is true when all hold; each that does not hold is reported.
template <class Spec>
struct decoder_rules {
  static constexpr bool parts_are_named = names_decoder_parts<Spec>;
  static_assert(parts_are_named, "[decoder<Spec>] must name shape, attention, mask, score, position, gate and precision. Fix: add the missing member.");
  static constexpr bool assembles = false;
};

template <names_decoder_parts Spec>
struct decoder_rules<Spec> {
 private:
  static constexpr decoder_spec shape = Spec::shape;
  static constexpr attention_spec attention = Spec::attention;

  static constexpr bool sizes = shape.width > 0 && shape.blocks > 0 && shape.vocabulary > 0;
  static_assert(sizes, "[shape] must give a positive width, blocks and vocabulary: a decoder has at least one of each. Fix: set all three.");

  static constexpr bool epsilon = shape.epsilon > 0 && shape.epsilon < 0.1f;
  static_assert(epsilon, "[shape.epsilon] must lie in (0, 0.1): every RMSNorm divides by it at zero. Fix: copy it from the model's configuration.");

  static constexpr bool head_counts = attention.query_heads > 0 && attention.kv_heads > 0;
  static_assert(head_counts, "[attention] must give positive query_heads and kv_heads. Fix: set both; kv_heads = query_heads is plain attention.");

  static constexpr bool groups = !head_counts || attention.query_heads % attention.kv_heads == 0;
  static_assert(groups, "[attention.kv_heads] must divide query_heads: each kv head serves an equal group. Fix: change kv_heads.");

  static constexpr bool head_dim = attention.head_dim >= 8 && attention.head_dim <= 576 && attention.head_dim % 8 == 0;
  static_assert(head_dim, "[attention.head_dim] must be a multiple of 8 from 8 to 576: kernels work on whole vectors. Fix: change head_dim.");

  using mask_type = std::remove_const_t<decltype(Spec::mask)>;
  using score_type = std::remove_const_t<decltype(Spec::score)>;
  static constexpr bool masks = mask<mask_type>;
  static_assert(masks, "[mask] must be trivially copyable with 'bool keep(position) const': that is what a mask is. Fix: add the verb.");

  static constexpr bool scores = score<score_type>;
  static_assert(scores, "[score] must be trivially copyable with 'T adjust(T, position) const' for every T. Fix: add the verb, a template.");

  static constexpr bool precise = precision_like<std::remove_const_t<decltype(Spec::precision)>>;
  static_assert(precise, "[precision] must name a 'cache' number and 'products(storage)'. Fix: full_precision, as_stored or a precision_policy.");

  // Blocks of the spec's own may have layers that keep latents.
  static consteval bool keeps_what_heads_have() {
    if constexpr (precise && !requires { typename Spec::blocks; }) return !detail::is_latent_and_rotary<typename std::remove_const_t<decltype(Spec::precision)>::cache>;
    return true;
  }
  static constexpr bool kept = keeps_what_heads_have();
  static_assert(kept, "[precision.cache] keeps a latent, and these heads have keys and values of their own. Fix: as in precision_policy<bf16>.");

  // A policy that is none has no numbers to look at.
  template <class Kind, class Holds>
  static consteval bool in_mask(Holds holds) {
    if constexpr (masks) return detail::every_kind<Kind>(Spec::mask, holds);
    return true;
  }
  template <class Kind, class Holds>
  static consteval bool in_score(Holds holds) {
    if constexpr (scores) return detail::every_kind<Kind>(Spec::score, holds);
    return true;
  }

  static constexpr bool widths = in_mask<window>([](const window& m) { return m.width >= 1; });
  static_assert(widths, "[mask.window.width] must be at least 1: a query sees itself. Fix: width = 1 or more; leave the window out to see all.");

  static constexpr bool prefixes = in_mask<prefix>([](const prefix& m) { return m.length >= 0; });
  static_assert(prefixes, "[mask.prefix.length] must not be negative: it counts keys from the first. Fix: length = 0 or more.");

  static constexpr bool chunks = in_mask<chunk>([](const chunk& m) { return m.length >= 1; });
  static_assert(chunks, "[mask.chunk.length] must be at least 1: positions are divided by it. Fix: the tokens of one block.");

  static constexpr bool strides = in_mask<dilated>([](const dilated& m) { return m.stride >= 1; });
  static_assert(strides, "[mask.dilated.stride] must be at least 1: distances are divided by it. Fix: stride = 1 sees every key.");

  static constexpr bool caps = in_score<soft_cap>([](const soft_cap& s) { return s.cap > 0; });
  static_assert(caps, "[score.soft_cap.cap] must be positive: scores are divided by it. Fix: copy it from the model, as in soft_cap{.cap = 50}.");

  static constexpr bool slopes = in_score<alibi>([](const alibi& s) { return s.heads == attention.query_heads; });
  static_assert(slopes, "[score.alibi.heads] must equal attention.query_heads: each head has its own slope. Fix: alibi{.heads = query_heads}.");

  static constexpr bool hidden = Spec::gate.hidden > 0;
  static_assert(hidden, "[gate.hidden] must be positive: it is the width between the two products. Fix: name it, as in swiglu{.hidden = 1536}.");

 public:
  static constexpr bool assembles = sizes && epsilon && head_counts && groups && head_dim && masks && scores && precise && kept && widths && prefixes && chunks && strides && caps && slopes && hidden;
};

}  // namespace tenon
