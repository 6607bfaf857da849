#pragma once
// How the next token is drawn from logits.

#include <cstdint>

namespace tenon {

/// The filters act in this order, each on what the one before left:
///   1. repetition_penalty: the logit of each token among the recent ones is divided by it where positive, else multiplied
///      (Keskar et al. 2019, arXiv 1909.05858), once per token however often it occurs;
///   2. temperature: logits are divided by it;
///   3. top_k: the k largest logits stay;
///   4. top_p: the fewest tokens, most probable first, whose probabilities reach top_p (Holtzman et al. 2019, arXiv 1904.09751);
///   5. min_p: tokens at least min_p times as probable as the most probable one (Nguyen et al. 2024, arXiv 2407.01082).
/// Probabilities are those among the tokens left by top_k. Equal logits go by index, the lowest first. What becomes of the numbers on the
/// way, and why every machine draws the same token: kernels/shared/choice.hpp.
struct sampling {
  float temperature = 0;         ///< at least 0; 0 takes the largest logit after the penalty, and no other filter acts
  int top_k = 0;                 ///< 0: no limit
  float top_p = 1;               ///< in (0, 1]; 1: no limit
  float min_p = 0;               ///< in [0, 1]; 0: no limit
  float repetition_penalty = 1;  ///< positive; 1: none
  std::uint64_t seed = 0;        ///< the same seed and the same logits give the same tokens
};

}  // namespace tenon
