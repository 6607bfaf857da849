#pragma once
// How softmax computes on a GPU, over the leaf of any of them (shared/online_softmax.hpp has the processor's).

#include <tenon/kernels/shared/online_softmax.hpp>

TENON_KERNELS_BEGIN

/// Scores in any unit: `base` bits each. The reference moves only when a score rises 8 bits above it: weights up to 256 lose no
/// precision, and most blocks then leave the sums alone. Row by row, so that a row's bits do not depend on its company.
template <class Leaf>
struct device_scores {
  static constexpr float slack = 8;
  float base = log2_e, room = slack / log2_e;

  device_scores() = default;
  TENON_BOTH TENON_INLINE explicit device_scores(float bits_per_score) : base(bits_per_score), room(slack / bits_per_score) {}
  TENON_BOTH TENON_INLINE float limit(float top) const { return top + room; }
  TENON_BOTH TENON_INLINE float natural(float top) const { return top * (base * ln_2); }
  TENON_BOTH TENON_INLINE static float exp2(float x) { return Leaf::exp2(x); }
  TENON_BOTH TENON_INLINE static float log2(float x) { return Leaf::log2(x); }
  TENON_BOTH TENON_INLINE static bool any(bool moved) { return Leaf::any(moved); }
};

/// The state that a weighting needs for scores of `base` bits each.
template <class Leaf, int Rows>
TENON_BOTH TENON_INLINE softmax_state<Rows, device_scores<Leaf>> device_state_of(const softmax&, float base) {
  softmax_state<Rows, device_scores<Leaf>> state;
  state.by = device_scores<Leaf>(base);
  return state;
}
template <class Leaf, int Rows>
TENON_BOTH TENON_INLINE softmax_state<Rows, device_scores<Leaf>> device_state_of(const sink&, float base) {
  return device_state_of<Leaf, Rows>(softmax{}, base);
}

/// Rows of sigmoid, for scores of `base` bits each.
template <class Leaf, int Rows>
struct device_sigmoid_state : sigmoid_state<Rows> {
  float base = log2_e;
};
template <class Leaf, int Rows>
TENON_BOTH TENON_INLINE device_sigmoid_state<Leaf, Rows> device_state_of(const sigmoid& w, float base) {
  return {{.bias = w.bias}, base};
}

/// The weight of a score of row `row`, before rows are finished; 0 for -infinity.
template <class Leaf, int Rows>
TENON_BOTH TENON_INLINE float device_weight(const softmax_state<Rows, device_scores<Leaf>>& state, float score, int row) {
  return Leaf::exp2(score * state.by.base + state.reference.at[row]);
}
template <class Leaf, int Rows>
TENON_BOTH TENON_INLINE float device_weight(const device_sigmoid_state<Leaf, Rows>& state, float score, int) {
  return Leaf::reciprocal(1.0f + Leaf::exp2(-(score * state.base + state.bias * log2_e)));
}

TENON_KERNELS_END
