#pragma once
// What the policies mean on the way back: d loss / d score becomes d loss / d (q . k), stage by stage of a chain, and learned
// operands hear of it. Sums for them are kept per work item and added up in a fixed order, so that threads never show.

#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/math.hpp>
#include <tenon/kernels/shared/meaning.hpp>
#include <tenon/kernels/shared/online_softmax.hpp>
#include <tenon/policies/learned.hpp>

TENON_KERNELS_BEGIN

/// How many stages of a score are learned.
template <class Score>
inline constexpr int learned_stages = learned_score<Score> ? 1 : 0;
template <class A, class B>
inline constexpr int learned_stages<chain<A, B>> = learned_stages<A> + learned_stages<B>;

/// Learned stage `Stage` of a score, counted from the first.
template <int Stage, class Score>
TENON_BOTH TENON_INLINE constexpr const auto& learned_stage(const Score& score) {
  if constexpr (requires { score.first; score.second; }) {
    constexpr int before = learned_stages<std::remove_cvref_t<decltype(score.first)>>;
    if constexpr (Stage < before)
      return learned_stage<Stage>(score.first);
    else
      return learned_stage<Stage - before>(score.second);
  } else {
    return score;
  }
}

/// Whether a stage wants to hear of every score: then its work cannot be shared out.
template <class Score>
inline constexpr bool learns_per_score = false;
template <learned_score Score>
inline constexpr bool learns_per_score<Score> = Score::learned == per::score;
template <class A, class B>
inline constexpr bool learns_per_score<chain<A, B>> = learns_per_score<A> || learns_per_score<B>;

/// The sums of d loss / d s of one work item, [stage][head of the group][width]: at (key - query + length - 1) per distance, at
/// (key - from) per key (the first head's place), at (query - first query) per query.
struct learned_sums {
  float* at = nullptr;  ///< null: nobody asked
  index_t width = 0;
  int from = 0;
};

/// meaning, and its way back.
template <class Mask, class Score>
struct reverse_meaning : meaning<Mask, Score> {
  learned_sums sums;

  /// ds [Count], d loss / d s of the keys from `key` on, becomes d loss / d x, x [Count] their scores before the policies. Where
  /// ds is 0 it stays 0, whatever the slope.
  template <int Count>
  TENON_INLINE void reverse(const float* x, float* ds, position first, int key) const {
    back<Count, 0>(this->score, x, ds, first, key);
  }

 private:
  TENON_INLINE position at_key(position p, int key) const {
    p.key = key < this->length ? key : this->length - 1;
    return p;
  }
  template <int Count, int Stage, class A, class B>
  TENON_INLINE void back(const chain<A, B>& stages, const float* x, float* ds, position p, int key) const {
    float between[Count];
    TENON_INDEPENDENT
    for (int i = 0; i < Count; ++i) between[i] = stages.first.adjust(x[i], at_key(p, key + i));
    back<Count, Stage + learned_stages<A>>(stages.second, between, ds, p, key);
    back<Count, Stage>(stages.first, x, ds, p, key);
  }
  template <int Count, int Stage, class Single>
  TENON_INLINE void back(const Single& stage, const float* x, float* ds, position p, int key) const {
    if constexpr (learned_score<Single>)
      if (sums.at != nullptr && stage.learning()) learn<Count, Stage>(stage, x, ds, p, key);
    if constexpr (!plain_score<Single>) {
      float slopes[Count];
      TENON_INDEPENDENT
      for (int i = 0; i < Count; ++i) slopes[i] = slope_of(stage, x[i], at_key(p, key + i));
      TENON_INDEPENDENT
      for (int i = 0; i < Count; ++i) ds[i] = choose(ds[i] == 0, 0.0f, ds[i] * slopes[i]);
    }
  }
  template <int Count, int Stage, class Single>
  TENON_INLINE void learn(const Single& stage, const float* x, const float* ds, position p, int key) const {
    float* own = sums.at + (index_t(Stage) * this->group + p.head - this->first_head) * sums.width;
    if constexpr (Single::learned == per::score) {
      for (int i = 0; i < Count; ++i)
        if (ds[i] != 0) stage.learn(x[i], ds[i], at_key(p, key + i));
    } else if constexpr (Single::learned == per::query) {
      float total = 0;
      for (int i = 0; i < Count; ++i) total += ds[i];
      own[p.query - this->first_query] += total;
    } else {
      float* to = Single::learned == per::distance ? own + (key - p.query + this->length - 1) : sums.at + index_t(Stage) * this->group * sums.width + (key - sums.from);
      TENON_INDEPENDENT
      for (int i = 0; i < Count; ++i) to[i] += ds[i];
    }
  }
};

/// What a learned stage hears of in a sequence, whose first query stands at `first_query` and which has `length` keys.
template <class Single>
struct learned_places {
  int group, first_query, queries, length;

  TENON_BOTH TENON_INLINE constexpr int heads() const { return Single::learned == per::key ? 1 : group; }
  TENON_BOTH TENON_INLINE constexpr int count() const { return Single::learned == per::distance ? queries + length - 1 : Single::learned == per::key ? length : queries; }
  /// Hands over the sum of place `n` and head `h` of the group. `p` has the first head of the group and the batch.
  TENON_BOTH TENON_INLINE void hand(const Single& stage, position p, int h, int n, float ds) const {
    p.head += h;
    p.query = Single::learned == per::distance ? length - 1 : Single::learned == per::query ? first_query + n : 0;
    p.key = Single::learned == per::query ? 0 : n;
    if (ds != 0) stage.learn(ds, p);
  }
};

/// Hands each learned stage of `score` its sums, in order: sum(per, stage, head of the group, place) is one of them. `p` has the first
/// head of the group and the batch; `first_query` to `length` as in meaning.
template <int Stage = 0, class Score, class Sum>
void deliver(const Score& score, position p, int group, int first_query, int queries, int length, const Sum& sum) {
  if constexpr (requires { score.first; score.second; }) {
    deliver<Stage>(score.first, p, group, first_query, queries, length, sum);
    deliver<Stage + learned_stages<decltype(score.first)>>(score.second, p, group, first_query, queries, length, sum);
  } else if constexpr (learned_score<Score>) {
    if constexpr (Score::learned != per::score) {
      if (!score.learning()) return;
      const learned_places<Score> places{group, first_query, queries, length};
      for (int h = 0; h < places.heads(); ++h)
        for (int n = 0; n < places.count(); ++n) places.hand(score, p, h, n, static_cast<float>(sum(Score::learned, Stage, h, n)));
    }
  }
}

/// What 16 rows of softmax need to find their weights again, 2^(s log2 e + reference), and d loss / d s = w (d loss / d w - agreement).
template <int Rows>
struct softmax_slopes {
  row_values<Rows> reference, agreement;

  /// Row r from its log-sum-exp, its sink logit (or null) and agreement = out . d_out. Returns the sink's own weight.
  float set(int r, float log_sum_exp, const float* sink, float agree) {
    const bool empty = log_sum_exp == softmax_state<Rows>::nothing;  // its weights are 0, and so is its output, sink or not
    double total = static_cast<double>(log_sum_exp), own = 0;
    if (sink != nullptr && !empty) {
      const double logit = static_cast<double>(*sink), top = logit > total ? logit : total;
      total = top + __builtin_log(__builtin_exp(total - top) + __builtin_exp(logit - top));
      own = __builtin_exp(logit - total);
    }
    reference.at[r] = empty ? 0.0f : static_cast<float>(-total * 1.44269504088896340736);
    agreement.at[r] = agree;
    return static_cast<float>(own);
  }
};

/// The same of sigmoid: weights stand alone.
template <int Rows>
struct sigmoid_slopes {
  float bias = 0;
  float set(int, float, const float*, float) { return 0; }
};

/// The slopes that a weighting needs, its operands inside.
template <int Rows>
TENON_INLINE softmax_slopes<Rows> slopes_of(const softmax&) {
  return {};
}
template <int Rows>
TENON_INLINE softmax_slopes<Rows> slopes_of(const sink&) {
  return {};
}
template <int Rows>
TENON_INLINE sigmoid_slopes<Rows> slopes_of(const sigmoid& w) {
  return {.bias = w.bias};
}

TENON_KERNELS_END
