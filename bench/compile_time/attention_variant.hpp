#pragma once
// The variant whose kernel is compiled for each GPU: causal, bf16, heads of 128.
#include <tenon/core/number.hpp>
#include <tenon/policies/mask/positional.hpp>
#include <tenon/policies/score/algebra.hpp>
#include <tenon/policies/weighting.hpp>

struct variant {
  using mask = tenon::causal;
  using score = tenon::scaled;
  using weighting = tenon::softmax;
  using out = tenon::bf16;
  static constexpr int dim = 128, group = 1;
};
