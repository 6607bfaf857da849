#pragma once
// From logits to the next token.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/core/math.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/shared/choice.hpp>
#include <tenon/kernels/shared/rows.hpp>

namespace tenon {

/// How the next token is drawn. The filters act in this order, each on what the one before left:
///   1. repetition_penalty: the logit of each token among the recent ones is divided by it where positive, else multiplied
///      (Keskar et al. 2019, arXiv 1909.05858), once per token however often it occurs;
///   2. temperature: logits are divided by it;
///   3. top_k: the k largest logits stay;
///   4. top_p: the fewest tokens, most probable first, whose probabilities reach top_p (Holtzman et al. 2019, arXiv 1904.09751);
///   5. min_p: tokens at least min_p times as probable as the most probable one (Nguyen et al. 2024, arXiv 2407.01082).
/// Probabilities are those among the tokens left by top_k. Equal logits go by index, the lowest first.
struct sampling {
  float temperature = 0;         ///< at least 0; 0 takes the largest logit after the penalty, and no other filter acts
  int top_k = 0;                 ///< 0: no limit
  float top_p = 1;               ///< in (0, 1]; 1: no limit
  float min_p = 0;               ///< in [0, 1]; 0: no limit
  float repetition_penalty = 1;  ///< positive; 1: none
  std::uint64_t seed = 0;        ///< the same seed and the same logits give the same tokens
};

}  // namespace tenon

TENON_KERNELS_BEGIN

/// Draws tokens. Its memory is reserved once: a draw allocates nothing. Not for concurrent use.
class sampler {
 public:
  /// vocabulary: how many logits each call brings, positive. Throws tenon::error for values outside the ranges of `sampling`.
  sampler(const sampling& how, int vocabulary) : how_(how), count_(vocabulary), state_(how.seed) {
    const auto need = [](bool holds, const char* what) {
      if (!holds) throw error("[sampling.", what);
    };
    need(how.temperature >= 0 && how.temperature < 1e30f, "temperature] must be at least 0. Fix: 0 is greedy, 1 samples from the model's own distribution.");
    need(how.top_k >= 0, "top_k] must be at least 0: it counts tokens. Fix: 0 keeps all of them.");
    need(how.top_p > 0 && how.top_p <= 1, "top_p] must lie in (0, 1]: it is a probability. Fix: 1 keeps all tokens.");
    need(how.min_p >= 0 && how.min_p <= 1, "min_p] must lie in [0, 1]: it is a share of the largest probability. Fix: 0 keeps all tokens.");
    need(how.repetition_penalty > 0 && how.repetition_penalty < 1e30f, "repetition_penalty] must be positive. Fix: 1 means no penalty.");
    if (vocabulary <= 0) throw error("[sampler] needs at least one logit, but the vocabulary has ", vocabulary, ". Fix: pass the model's vocabulary.");
    logits_.resize(static_cast<std::size_t>(vocabulary));
    if (how.temperature > 0) {
      weights_.resize(static_cast<std::size_t>(vocabulary));
      order_.resize(static_cast<std::size_t>(vocabulary));
    }
    if (how.repetition_penalty != 1) penalised_.resize(static_cast<std::size_t>(vocabulary), false);
  }

  /// Whether the next token is the first of the largest logits as they are, which a GPU finds by itself.
  bool takes_largest() const { return how_.temperature == 0 && how_.repetition_penalty == 1; }
  /// That token. Throws tenon::error where it stands for logits that allow none (kernels/shared/choice.hpp).
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
    if (how_.temperature == 0) return best;
    weigh(logits_[static_cast<std::size_t>(best)]);
    return draw(last_kept(best));
  }

 private:
  // A token before `other` in the order of the filters.
  bool before(int token, int other) const {
    const float a = logits_[static_cast<std::size_t>(token)], b = logits_[static_cast<std::size_t>(other)];
    return a > b || (a == b && token < other);
  }

  void penalise(std::span<const std::int32_t> recent) {
    if (how_.repetition_penalty == 1) return;
    const auto each = [&](auto&& f) {
      for (const std::int32_t token : recent)
        if (token >= 0 && token < count_) f(static_cast<std::size_t>(token));
    };
    each([&](std::size_t token) {
      if (!penalised_[token]) logits_[token] = logits_[token] > 0 ? logits_[token] / how_.repetition_penalty : logits_[token] * how_.repetition_penalty;
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

  // weights = exp((logit - largest) / temperature): the most probable token weighs 1.
  void weigh(float most) {
    const float inverse = 1.0f / how_.temperature;
    const float *l = logits_.data();
    float* w = weights_.data();
    for_values(count_, [&](index_t i) TENON_LAMBDA {
      const float below = l[i] - most, weight = exp(below * inverse);
      w[i] = choose(below == 0, 1.0f, weight);  // 0 * infinity, at the coldest temperatures, is not a number
    });
  }

  // The token that ranks last among those that all filters keep; -1 where they keep all.
  int last_kept(int best) {
    int last = -1;
    double total = 0;
    if (how_.top_k > 0 && how_.top_k < count_) {
      gather([](int) { return true; });
      last = rank_reaching(how_.top_k, [](int) { return 1.0; });
      for (int i = 0; i < candidates_; ++i) total += weight(order_[static_cast<std::size_t>(i)]);
    }
    if (how_.top_p < 1) {
      if (last < 0) {
        for (int token = 0; token < count_; ++token) total += weight(token);
        // All tokens lighter than this weigh less than 1 - top_p together: the last one kept is not among them.
        const double least = (1 - static_cast<double>(how_.top_p)) * total / count_;
        gather([&](int token) { return weight(token) >= least; });
      }
      const int reached = rank_reaching(how_.top_p * total, [this](int token) { return weight(token); });
      last = reached >= 0 ? reached : last;
    }
    if (how_.min_p > 0) {
      int worst = best;
      for (int token = 0; token < count_; ++token)
        if (weight(token) >= static_cast<double>(how_.min_p) && before(worst, token) && (last < 0 || !before(last, token))) worst = token;
      last = worst;
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

  // The candidate at which the sum of `measure`, taken by rank, reaches `target`; the candidates after it are dropped. -1 where
  // they do not reach it. By halves, as quickselect: nothing is sorted.
  template <class Measure>
  int rank_reaching(double target, Measure&& measure) {
    double sum = 0;
    auto first = order_.begin(), last = first + candidates_;
    while (first != last) {
      std::swap(*first, first[(last - first) / 2]);
      const int pivot = *first;
      const auto middle = std::partition(first + 1, last, [&](int token) { return before(token, pivot); }) - 1;
      std::swap(*first, *middle);
      double ahead = 0;
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

  // Walks the kept tokens in order of their index until a uniform share of their weight is passed.
  int draw(int last) {
    const auto kept = [&](int token) { return last < 0 || !before(last, token); };
    double total = 0;
    for (int token = 0; token < count_; ++token)
      if (kept(token)) total += weight(token);
    const double target = uniform() * total;
    double sum = 0;
    int chosen = 0;
    for (int token = 0; token < count_; ++token)
      if (kept(token) && weight(token) > 0) {
        chosen = token;
        sum += weight(token);
        if (sum > target) break;
      }
    return chosen;
  }

  double weight(int token) const { return static_cast<double>(weights_[static_cast<std::size_t>(token)]); }

  // SplitMix64 (Steele, Lea and Flood 2014), the upper 53 bits as a fraction in [0, 1).
  double uniform() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

  sampling how_;
  int count_;
  std::uint64_t state_;
  std::vector<float> logits_, weights_;
  std::vector<int> order_;  // candidates, of which candidates_ count
  int candidates_ = 0;
  std::vector<bool> penalised_;
};

TENON_KERNELS_END
