#pragma once
// How scores become weights: each is an online monoid over keys, so that ranges of keys can be weighed apart and merged.

#include <tenon/core/config.hpp>

namespace tenon {

/// w(i, j) = exp(s(i, j)) / sum_j exp(s(i, j)); a row that sees no key, or only scores of -inf, gives 0.
struct softmax {};

/// Softmax with one learned logit per query head, [head]: exp(logit) joins the denominator once. The log-sum-exp leaves it out.
/// d_logits [head], or null: where backward kernels add the gradient of the logits.
struct sink {
  const float* logits;
  float* d_logits = nullptr;
};

/// w(i, j) = 1 / (1 + exp(-(s(i, j) + bias))): weights that do not compete. A usual bias is -log of the trained context length.
struct sigmoid {
  float bias = 0;
};

}  // namespace tenon
