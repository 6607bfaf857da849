#pragma once
// What a GPU needs to find weights again and to pass gradients back through a score, one score at a time, over the leaf of any GPU
// (shared/reverse.hpp has a processor's, sixteen at a time).

#include <limits>

#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/device_number.hpp>
#include <tenon/kernels/shared/math.hpp>
#include <tenon/kernels/shared/reverse.hpp>
#include <tenon/policies/weighting.hpp>

TENON_KERNELS_BEGIN

/// Which gradients a walk keeps the sums of.
enum class gradients_of : unsigned char {
  keys,  ///< and of values: one block of keys stays, rows go by
  rows   ///< of queries: one tile of rows stays, keys go by
};

/// What the words of a GPU walk over: keys and values of one kv head, row-major, dense, from `head` on, of which `length` exist; the rows of its
/// group; and of each row its reference and agreement, side by side, also of rows that fill up the last tile.
template <class Number, class Rows>
struct backward_source {
  const Number *keys, *values;
  index_t head;
  int length;
  Rows q, d_out;
  const float* facts;
};
/// The keys from key0 on.
template <class Number, class Rows>
struct backward_block {
  int key0;
  const backward_source<Number, Rows>& in;
};

/// The reference of a row without weights: everything that a mask hides, or a row beyond the last.
inline constexpr float no_weights = -std::numeric_limits<float>::infinity();

/// Softmax, with or without sinks. Of each row its reference, so that w = 2^(s base + reference), and its agreement out . d_out: for rows
/// without weights no_weights.
template <class Leaf>
struct device_softmax_slopes {
  static constexpr bool of_rows = true;  ///< asks for reference and agreement
  float base;                            ///< bits per unit of a score

  /// s becomes w, dw becomes ds = w (dw - agreement).
  TENON_BOTH TENON_INLINE void weigh(float& s, float& dw, float reference, float agreement) const {
    s = Leaf::exp2(s * base + reference);
    dw = s * (dw - agreement);
  }
};

/// Sigmoid: weights stand alone.
template <class Leaf>
struct device_sigmoid_slopes {
  static constexpr bool of_rows = false;
  float base, bias;  ///< in bits

  TENON_BOTH TENON_INLINE void weigh(float& s, float& dw, float, float) const {
    const float bits = s * base + bias;
    s = Leaf::reciprocal(1.0f + Leaf::exp2(-bits));
    dw = s * Leaf::reciprocal(1.0f + Leaf::exp2(bits)) * dw;
  }
};

/// The slopes that a weighting needs, for scores of `base` bits each.
template <class Leaf>
TENON_BOTH TENON_INLINE device_softmax_slopes<Leaf> device_slopes_of(const softmax&, float base) {
  return {base};
}
template <class Leaf>
TENON_BOTH TENON_INLINE device_softmax_slopes<Leaf> device_slopes_of(const sink&, float base) {
  return {base};
}
template <class Leaf>
TENON_BOTH TENON_INLINE device_sigmoid_slopes<Leaf> device_slopes_of(const sigmoid& w, float base) {
  return {base, w.bias * log2_e};
}

/// d loss / d x from ds = d loss / d score(x), stage by stage. Where ds is 0 it stays 0, whatever the slope.
template <class Leaf, class Score>
TENON_BOTH TENON_INLINE float device_reverse(const Score& score, float x, float ds, position p) {
  using number = device_number<Leaf>;
  if constexpr (plain_score<Score>) {
    return ds;
  } else if constexpr (requires { score.first; score.second; }) {
    const float between = score.first.adjust(number(x), p).value;
    return device_reverse<Leaf>(score.first, x, device_reverse<Leaf>(score.second, between, ds, p), p);
  } else if constexpr (requires { score.slope(number(x), p); }) {
    return ds == 0 ? 0.0f : ds * score.slope(number(x), p).value;
  } else {
    return ds == 0 ? 0.0f : ds * score.adjust(dual<number>::variable(number(x)), p).slope[0].value;
  }
}

/// d loss / d s of what learned stage `Stage` gives, counted from the first: what its operands hear of.
template <class Leaf, int Stage, class Score>
TENON_BOTH TENON_INLINE float device_reverse_to(const Score& score, float x, float ds, position p) {
  if constexpr (requires { score.first; score.second; }) {
    using second = std::remove_cvref_t<decltype(score.second)>;
    constexpr int before = learned_stages<std::remove_cvref_t<decltype(score.first)>>;
    const float between = score.first.adjust(device_number<Leaf>(x), p).value;
    if constexpr (Stage >= before)
      return device_reverse_to<Leaf, Stage - before, second>(score.second, between, ds, p);
    else
      return device_reverse_to<Leaf, Stage>(score.first, x, device_reverse<Leaf>(score.second, between, ds, p), p);
  } else {
    return ds;
  }
}

/// meaning, whose way back ends at a learned stage.
template <class Meaning, int Stage>
struct learned_meaning : Meaning {
  static constexpr int stage = Stage;
};

/// One score: q . k becomes its weight, dw becomes dx = d loss / d (q . k factor). p: of its row. What a mask hides may become anything.
template <class Leaf, class Meaning, class Slopes>
TENON_BOTH TENON_INLINE void device_differentiate(float& score, float& dw, const Meaning& mean, const Slopes& slopes, position p, int key, float factor, float reference, float agreement) {
  const float x = score * factor;
  if constexpr (!Meaning::plain) score = mean.adjust(device_number<Leaf>(x), p, key).value;
  slopes.weigh(score, dw, reference, agreement);
  if constexpr (!Meaning::plain) {
    p.key = key < mean.length ? key : mean.length - 1;
    if constexpr (requires { Meaning::stage; })
      dw = device_reverse_to<Leaf, Meaning::stage>(mean.score, x, dw, p);
    else
      dw = device_reverse<Leaf>(mean.score, x, dw, p);
  }
}

TENON_KERNELS_END
