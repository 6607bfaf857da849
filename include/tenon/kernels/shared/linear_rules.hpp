#pragma once
// What linear weights refuse, on every machine.

#include <tenon/policies/linear.hpp>
#include <tenon/policies/score/algebra.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

/// The rules of linear weights: one sentence each, and nothing else is looked at where one is broken.
template <class Mask, class Score>
consteval bool linear_assembles() {
  constexpr bool mask = causal_and_free<Mask> || position_free<Mask>, score = plain_score<Score>;
  static_assert(mask, "[mask] linear weights know causal, full, prefix and padding, joined by '&': they never see pairs. Fix: softmax.");
  static_assert(score, "[score] linear weights have no score: features take its place. Fix: scaled{}, or softmax, or features with_waves.");
  return mask && score;
}

}  // namespace kernel_detail
TENON_KERNELS_END
