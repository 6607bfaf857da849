#pragma once
// The running state of a few rows while their keys come by in blocks: the monoid of each weighting. `softmax` and `sink` keep
// a reference (minus the greatest score so far, in bits) and the total of 2^(s log2 e + reference); `sigmoid` keeps nothing.
//
// Identity: nothing seen. merge(a, b) is exact where one of the two is the identity, so splits that a mask rules out do not
// change a bit.

#include <limits>

#include <tenon/kernels/shared/math.hpp>
#include <tenon/policies/weighting.hpp>

TENON_KERNELS_BEGIN

/// One float per row.
template <int Rows>
struct row_values {
  alignas(64) float at[Rows];
  TENON_INLINE void fill(float value) {
    for (int r = 0; r < Rows; ++r) at[r] = value;
  }
};

/// The factors with which two partial results are added.
template <int Rows>
struct merge_factors {
  row_values<Rows> left, right;
};

/// Rows of softmax.
template <int Rows>
struct softmax_state {
  static constexpr bool bounded = false;  // weights need the greatest score
  static constexpr float nothing = -std::numeric_limits<float>::infinity();

  row_values<Rows> top, reference, total;

  TENON_INLINE void clear() { top.fill(nothing), reference.fill(0), total.fill(0); }

  /// Takes in the greatest score of the next keys. `fade` is what the sums so far are to be multiplied with; false: all 1.
  bool raise(const row_values<Rows>& seen, row_values<Rows>& fade) {
    bool moved = false;
    for (int r = 0; r < Rows; ++r) moved |= !(seen.at[r] <= top.at[r]);
    if (!moved) return false;
    for (int r = 0; r < Rows; ++r) {
      const float old_top = top.at[r], new_top = seen.at[r] <= old_top ? old_top : seen.at[r];
      const float moved_to = new_top == nothing ? 0.0f : -new_top * log2_e;
      fade.at[r] = old_top == nothing ? 1.0f : exp2(moved_to - reference.at[r]);
      top.at[r] = new_top;
      reference.at[r] = moved_to;
      total.at[r] *= fade.at[r];
    }
    return true;
  }
  TENON_INLINE void add(const row_values<Rows>& sum) {
    for (int r = 0; r < Rows; ++r) total.at[r] += sum.at[r];
  }
  /// This becomes the state over the keys of both, this one's first.
  merge_factors<Rows> merge(const softmax_state& next) {
    merge_factors<Rows> by;
    for (int r = 0; r < Rows; ++r) {
      const float a = top.at[r], b = next.top.at[r], both = b <= a ? a : b;
      const float moved_to = both == nothing ? 0.0f : -both * log2_e;
      by.left.at[r] = a == nothing ? 0.0f : exp2(moved_to - reference.at[r]);
      by.right.at[r] = b == nothing ? 0.0f : exp2(moved_to - next.reference.at[r]);
      total.at[r] = total.at[r] * by.left.at[r] + next.total.at[r] * by.right.at[r];
      top.at[r] = both;
      reference.at[r] = moved_to;
    }
    return by;
  }
  /// What the sums are multiplied with at the end; 0 for a row that saw nothing. `sink`: one logit per row, or null.
  void finish(const float* sink, row_values<Rows>& factor) const {
    for (int r = 0; r < Rows; ++r) {
      float denominator = total.at[r], scale = 1;
      if (sink != nullptr) {  // in the frame of the greater of the two, so that neither overflows
        const float logit = sink[r], frame = top.at[r] >= logit ? reference.at[r] : -logit * log2_e;
        scale = top.at[r] == nothing ? 0.0f : exp2(frame - reference.at[r]);
        denominator = denominator * scale + exp2(logit * log2_e + frame);
      }
      factor.at[r] = total.at[r] == 0 ? 0.0f : scale / denominator;
    }
  }
  /// log sum_j exp(s_j), natural, without a sink; -inf for a row that saw nothing.
  float log_sum_exp(int row) const {
    return total.at[row] == 0 ? nothing : (__builtin_log2f(total.at[row]) - reference.at[row]) * ln_2;
  }
};

/// Rows of sigmoid: weights do not compete, sums just add.
template <int Rows>
struct sigmoid_state {
  static constexpr bool bounded = true;
  float bias = 0;

  TENON_INLINE void clear() {}
  TENON_INLINE merge_factors<Rows> merge(const sigmoid_state&) {
    merge_factors<Rows> by;
    by.left.fill(1), by.right.fill(1);
    return by;
  }
  TENON_INLINE void finish(const float*, row_values<Rows>& factor) const { factor.fill(1); }
};

/// The state that a weighting needs, its operands inside.
template <int Rows>
TENON_INLINE softmax_state<Rows> state_of(const softmax&) {
  return {};
}
template <int Rows>
TENON_INLINE softmax_state<Rows> state_of(const sink&) {
  return {};
}
template <int Rows>
TENON_INLINE sigmoid_state<Rows> state_of(const sigmoid& w) {
  return {.bias = w.bias};
}

/// The sink logits of a weighting, per query head, or null.
template <class Weighting>
TENON_INLINE const float* sinks(const Weighting& w) {
  if constexpr (requires { w.logits; })
    return w.logits;
  else
    return nullptr;
}

TENON_KERNELS_END
