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
  TENON_BOTH TENON_INLINE void fill(float value) {
    for (int r = 0; r < Rows; ++r) at[r] = value;
  }
};

/// The factors with which two partial results are added.
template <int Rows>
struct merge_factors {
  row_values<Rows> left, right;
};

/// How softmax computes on a processor. Machines with other arithmetic bring a struct with the same names.
struct natural_scores {
  static constexpr float base = log2_e;  ///< bits per unit of score
  /// Up to here scores leave the reference where it is, so that the sums are rarely rescaled.
  TENON_BOTH TENON_INLINE static float limit(float top) { return top + 4; }
  /// A score in units of e.
  TENON_BOTH TENON_INLINE static float natural(float top) { return top; }
  TENON_BOTH TENON_INLINE static float exp2(float x) { return tenon::exp2(x); }
  TENON_INLINE static float log2(float x) { return __builtin_log2f(x); }
  /// Of the rows that branch together.
  TENON_BOTH TENON_INLINE static bool any(bool moved) { return moved; }
};

/// Rows of softmax. A score may rise above the reference as far as `limit` allows, which costs range and no precision.
template <int Rows, class Arithmetic = natural_scores>
struct softmax_state {
  static constexpr bool bounded = false;  // weights need the greatest score
  static constexpr float nothing = -std::numeric_limits<float>::infinity();

  [[no_unique_address]] Arithmetic by;

  row_values<Rows> top, reference, total;

  TENON_BOTH TENON_INLINE void clear() { top.fill(nothing), reference.fill(0), total.fill(0); }

  /// Takes in the greatest score of the next keys. `fade` is what the sums so far are to be multiplied with; false: all 1.
  TENON_BOTH bool raise(const row_values<Rows>& seen, row_values<Rows>& fade) {
    int moved = 0;  // an int: g++ makes no vector of a bool
    for (int r = 0; r < Rows; ++r) moved |= seen.at[r] <= by.limit(top.at[r]) ? 0 : 1;
    if (!by.any(moved != 0)) return false;
    for (int r = 0; r < Rows; ++r) {
      const float old_top = top.at[r], new_top = seen.at[r] <= by.limit(old_top) ? old_top : seen.at[r];
      const float moved_to = new_top == nothing ? 0.0f : -new_top * by.base;
      fade.at[r] = old_top == nothing ? 1.0f : by.exp2(moved_to - reference.at[r]);
      top.at[r] = new_top;
      reference.at[r] = moved_to;
      total.at[r] *= fade.at[r];
    }
    return true;
  }
  TENON_BOTH TENON_INLINE void add(const row_values<Rows>& sum) {
    for (int r = 0; r < Rows; ++r) total.at[r] += sum.at[r];
  }
  /// This becomes the state over the keys of both, this one's first.
  TENON_BOTH merge_factors<Rows> merge(const softmax_state& next) {
    merge_factors<Rows> factors;
    for (int r = 0; r < Rows; ++r) {
      const float a = top.at[r], b = next.top.at[r], both = b <= a ? a : b;
      const float moved_to = both == nothing ? 0.0f : -both * by.base;
      factors.left.at[r] = a == nothing ? 0.0f : by.exp2(moved_to - reference.at[r]);
      factors.right.at[r] = b == nothing ? 0.0f : by.exp2(moved_to - next.reference.at[r]);
      total.at[r] = total.at[r] * factors.left.at[r] + next.total.at[r] * factors.right.at[r];
      top.at[r] = both;
      reference.at[r] = moved_to;
    }
    return factors;
  }
  /// What the sums of a row are multiplied with at the end; 0 for a row that saw nothing. `sunk`: `logit` is its sink.
  TENON_BOTH float factor(int row, bool sunk, float logit) const {
    float denominator = total.at[row], scale = 1;
    if (sunk) {  // in the frame of the greater of the two, so that neither overflows
      const float frame = by.natural(top.at[row]) >= logit ? reference.at[row] : -logit * log2_e;
      scale = top.at[row] == nothing ? 0.0f : by.exp2(frame - reference.at[row]);
      denominator = denominator * scale + by.exp2(logit * log2_e + frame);
    }
    return total.at[row] == 0 ? 0.0f : scale / denominator;
  }
  /// The same for all rows. `sink`: one logit per row, or null.
  void finish(const float* sink, row_values<Rows>& factors) const {
    for (int r = 0; r < Rows; ++r) factors.at[r] = factor(r, sink != nullptr, sink != nullptr ? sink[r] : 0.0f);
  }
  /// log sum_j exp(s_j), natural, without a sink; -inf for a row that saw nothing.
  TENON_BOTH float log_sum_exp(int row) const {
    return total.at[row] == 0 ? nothing : (by.log2(total.at[row]) - reference.at[row]) * ln_2;
  }
};

/// Rows of sigmoid: weights do not compete, sums just add.
template <int Rows>
struct sigmoid_state {
  static constexpr bool bounded = true;
  float bias = 0;

  TENON_BOTH TENON_INLINE void clear() {}
  TENON_BOTH TENON_INLINE merge_factors<Rows> merge(const sigmoid_state&) {
    merge_factors<Rows> by;
    by.left.fill(1), by.right.fill(1);
    return by;
  }
  TENON_BOTH TENON_INLINE float factor(int, bool, float) const { return 1; }
  TENON_INLINE void finish(const float*, row_values<Rows>& factors) const { factors.fill(1); }
};

/// The state that a weighting needs, its operands inside.
template <int Rows>
TENON_BOTH TENON_INLINE softmax_state<Rows> state_of(const softmax&) {
  return {};
}
template <int Rows>
TENON_BOTH TENON_INLINE softmax_state<Rows> state_of(const sink&) {
  return {};
}
template <int Rows>
TENON_BOTH TENON_INLINE sigmoid_state<Rows> state_of(const sigmoid& w) {
  return {.bias = w.bias};
}

/// The sink logits of a weighting, per query head, or null.
template <class Weighting>
TENON_BOTH TENON_INLINE const float* sinks(const Weighting& w) {
  if constexpr (requires { w.logits; })
    return w.logits;
  else
    return nullptr;
}

TENON_KERNELS_END
