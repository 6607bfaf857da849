#pragma once
// What policies learn, against finite differences of the reference's loss, sum of out times d_out.

#include <functional>
#include <span>

#include "attention_backward_problem.hpp"

namespace tenon::testing {

template <class T, class Mask, class Score, class Weighting>
double loss(const backward_problem& p, const std::vector<T>& q, const std::vector<T>& k, const std::vector<T>& v, const Mask& mask, const Score& score, const Weighting& weighting) {
  std::vector<double> out(p.outputs());
  const heads& s = p.shape;
  reference::attend(view<const T, 3>(q.data(), p.queries, s.query, s.dim), view<const T, 3>(k.data(), p.keys, s.kv, s.dim), view<const T, 3>(v.data(), p.keys, s.kv, s.dim_v),
                    view<double, 3>(out.data(), p.queries, s.query, s.dim_v), mask, score, weighting);
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * static_cast<double>(p.d_out[i]);
  return sum;
}
// Of fourth order: the error is that of step^4. `x` is put back.
template <class T>
double difference(T& x, T step, const std::function<double()>& f) {
  const T at = x;
  const auto value = [&](T by) {
    x = at + by * step;
    const double out = f();
    x = at;
    return out;
  };
  return (8 * (value(T(1)) - value(T(-1))) - (value(T(2)) - value(T(-2)))) / (12 * static_cast<double>(step));
}

/// Of the loss in each of `values`, which policies point at.
template <class Mask, class Score, class Weighting>
std::vector<double> slopes_of_loss(const backward_problem& p, std::span<float> values, const Mask& mask, const Score& score, const Weighting& weighting) {
  std::vector<double> slopes;
  for (float& x : values) slopes.push_back(difference(x, 1.0f / 256, [&] { return loss(p, p.q, p.k, p.v, mask, score, weighting); }));
  return slopes;
}

/// Operands of whole 64ths: a step away is exact in fp32.
inline std::vector<float> numbers(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = std::round(normal(random) * 64) / 64;
  return out;
}

}  // namespace tenon::testing
