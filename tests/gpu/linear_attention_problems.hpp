#pragma once
// The problems of linear attention that the tests of GPU kernels compile and run.

#include <tenon/policies/linear.hpp>

#include "attention_problems.hpp"

namespace tenon_test {

struct linear_causal_128 : causal_128 {
  using weighting = tenon::linear<tenon::elu_plus_one>;
};
struct linear_causal_64 : linear_causal_128 {
  static constexpr int dim = 64;
};
/// Every query sees every key that is there; heads of a group.
struct linear_padded_64 : linear_causal_64 {
  using mask = tenon::padding;
  using weighting = tenon::linear<tenon::relu_features>;
  using out = float;
  static constexpr int group = 2;
};

}  // namespace tenon_test
