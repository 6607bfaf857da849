#pragma once
// From logits to the next token, on a processor. A GPU does the same where the logits lie (kernels/launch/gpu/sample.hpp).

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <tenon/core/math.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/choice.hpp>
#include <tenon/kernels/shared/rows.hpp>

TENON_KERNELS_BEGIN

/// Draws tokens. Its memory is reserved once: a draw allocates nothing. Not for concurrent use.
class sampler {
 public:
  /// vocabulary: how many logits each call brings, 1 to most_choices. Throws tenon::error for values outside this range and those of `sampling`.
  sampler(const sampling& how, int vocabulary) : rule_(rule_of(how, vocabulary)), count_(vocabulary), state_(how.seed) {
    logits_.resize(static_cast<std::size_t>(vocabulary));
    if (rule_.scale != 0) {
      weights_.resize(static_cast<std::size_t>(vocabulary));
      order_.resize(static_cast<std::size_t>(vocabulary));
    }
    if (how.repetition_penalty != 1) penalised_.resize(static_cast<std::size_t>(vocabulary), false);
  }

  /// The token. Throws tenon::error where it stands for logits that allow none (kernels/shared/choice.hpp).
  static int chosen(std::int32_t token) {
    if (token == damaged_logits) throw error("a logit is NaN or infinite: the model's arithmetic overflowed or its weights are damaged. Fix: check the weights file, or compute in fp32.");
    if (token == forbidden_logits) throw error("every logit is -infinity: no token is allowed. Fix: let the mask of logits leave at least one token.");
    return token;
  }

  /// The next token. logits: [vocabulary]; -infinity forbids a token. recent: the tokens that the penalty looks at; ids outside
  /// the vocabulary are ignored. Throws tenon::error when a logit is NaN or +infinity, or all are -infinity.
  int operator()(const float* logits, std::span<const std::int32_t> recent) {
    std::copy_n(logits, count_, logits_.data());
    penalise(recent);
    const int best = largest();
    if (rule_.scale == 0) return best;
    weigh(logits_[static_cast<std::size_t>(best)]);
    return draw(last_kept());
  }

 private:
  // A token before `other` in the order of the filters.
  bool before(int token, int other) const {
    const float a = logits_[static_cast<std::size_t>(token)], b = logits_[static_cast<std::size_t>(other)];
    return a > b || (a == b && token < other);
  }

  void penalise(std::span<const std::int32_t> recent) {
    if (rule_.penalty == 1) return;
    const auto each = [&](auto&& f) {
      for (const std::int32_t token : recent)
        if (token >= 0 && token < count_) f(static_cast<std::size_t>(token));
    };
    each([&](std::size_t token) {
      if (!penalised_[token]) logits_[token] = penalised(logits_[token], rule_.penalty);
      penalised_[token] = true;
    });
    each([&](std::size_t token) { penalised_[token] = false; });
  }

  // The first of the largest logits, found strip by strip.
  int largest() const {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float* l = logits_.data();
    float most = -infinity;
    bool valid = true;
    constexpr int wide = 32;  // as many maxima side by side, so that each step is a vector's
    float top[wide];
    int damaged[wide] = {};
    for (float& t : top) t = -infinity;
    for_strips<wide>(count_, [&](index_t i, auto lanes) TENON_LAMBDA {
      for_lanes<lanes>([&](int j) TENON_LAMBDA {
        const float v = l[i + j];
        top[j] = choose(v > top[j], v, top[j]);
        damaged[j] |= static_cast<int>(!(v < infinity));
      });
    });
    for (int j = 0; j < wide; ++j) {
      most = top[j] > most ? top[j] : most;
      valid = valid && damaged[j] == 0;
    }
    return chosen(!valid ? damaged_logits : most == -infinity ? forbidden_logits : static_cast<std::int32_t>(std::find(l, l + count_, most) - l));
  }

  void weigh(float most) {
    const float *l = logits_.data(), scale = rule_.scale;
    std::uint64_t* w = weights_.data();
    for_values(count_, [&](index_t i) TENON_LAMBDA { w[i] = weight_of(l[i] - most, scale); });
  }

  // The token that ranks last among those that top_k and top_p keep; -1 where they keep all.
  int last_kept() {
    int last = -1;
    std::uint64_t total = 0;
    if (rule_.top_k > 0 && rule_.top_k < count_) {
      gather([](int) { return true; });
      last = rank_reaching(static_cast<std::uint64_t>(rule_.top_k), [](int) { return std::uint64_t{1}; });
      for (int i = 0; i < candidates_; ++i) total += weight(order_[static_cast<std::size_t>(i)]);
    }
    if (rule_.share != 0) {
      if (last < 0)
        for (int token = 0; token < count_; ++token) total += weight(token);
      const std::uint64_t target = target_of(rule_.share, total);
      if (last < 0) {
        // All tokens lighter than this weigh less than what is left out together: the last one kept is not among them.
        const std::uint64_t least = (total - target) / static_cast<std::uint64_t>(count_);
        gather([&](int token) { return weight(token) >= least; });
      }
      last = rank_reaching(target, [this](int token) { return weight(token); });
    }
    return last;
  }

  template <class Keep>
  void gather(Keep&& keep) {
    candidates_ = 0;
    for (int token = 0; token < count_; ++token) {
      order_[static_cast<std::size_t>(candidates_)] = token;
      candidates_ += keep(token) ? 1 : 0;
    }
  }

  // The candidate at which the sum of `measure`, taken by rank, reaches `target`, as that of all does; the candidates after it are dropped. By halves,
  // as quickselect: nothing is sorted.
  template <class Measure>
  int rank_reaching(std::uint64_t target, Measure&& measure) {
    std::uint64_t sum = 0;
    auto first = order_.begin(), last = first + candidates_;
    while (first != last) {
      std::swap(*first, first[(last - first) / 2]);
      const int pivot = *first;
      const auto middle = std::partition(first + 1, last, [&](int token) { return before(token, pivot); }) - 1;
      std::swap(*first, *middle);
      std::uint64_t ahead = 0;
      for (auto i = first; i != middle; ++i) ahead += measure(*i);
      if (sum + ahead >= target) {
        last = middle;
      } else if (sum + ahead + measure(pivot) >= target) {
        candidates_ = static_cast<int>(middle - order_.begin()) + 1;
        return pivot;
      } else {
        sum += ahead + measure(pivot);
        first = middle + 1;
      }
    }
    return -1;
  }

  // The token at which the weights of the kept ones, in order of their index, come to more than a uniform share of their sum.
  int draw(int last) {
    const auto kept = [&](int token) { return weight(token) >= rule_.least_weight && (last < 0 || !before(last, token)) ? weight(token) : 0; };
    std::uint64_t total = 0;
    for (int token = 0; token < count_; ++token) total += kept(token);
    const std::uint64_t target = high_product(random_bits(state_), total);
    int token = 0;
    for (std::uint64_t sum = kept(0); sum <= target; sum += kept(token)) ++token;
    return token;
  }

  std::uint64_t weight(int token) const { return weights_[static_cast<std::size_t>(token)]; }

  choice_rule rule_;
  int count_;
  std::uint64_t state_;
  std::vector<float> logits_;
  std::vector<std::uint64_t> weights_;
  std::vector<int> order_;  // candidates, of which candidates_ count
  int candidates_ = 0;
  std::vector<bool> penalised_;
};

TENON_KERNELS_END
