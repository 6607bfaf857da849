#pragma once
// The memory plan: where each activation lies in the arena, computed by the compiler. Nothing is allocated per token.

#include <tenon/core/view.hpp>

namespace tenon {

/// The most tokens that pass through a layer at once; a longer prompt goes through in blocks of this many.
inline constexpr index_t block_tokens = 512;

/// `Count` activations that live at the same time, each `width` floats per token, laid one after another.
template <int Count>
struct activation_plan {
  index_t width[Count];

  /// Where activation `slot` begins, in floats. A multiple of 16: every row block starts on a cache line.
  constexpr index_t offset(int slot) const {
    index_t at = 0;
    for (int i = 0; i < slot; ++i) at += (width[i] * block_tokens + 15) / 16 * 16;
    return at;
  }
  /// Floats of the whole plan.
  constexpr index_t size() const { return offset(Count); }

  /// Activation `slot` for `tokens` tokens, in an arena: [token, width].
  constexpr view<float, 2> in(float* arena, int slot, index_t tokens) const { return {arena + offset(slot), tokens, width[slot]}; }
};

template <class... Widths>
activation_plan(Widths...) -> activation_plan<static_cast<int>(sizeof...(Widths))>;

}  // namespace tenon
