#pragma once
// The gradients of attention as SPEC section 1 defines it, in double: every weight is there, nothing is recomputed. Slow.

#include <limits>

#include <tenon/core/view.hpp>
#include <tenon/policies/mask/algebra.hpp>
#include <tenon/policies/score/algebra.hpp>
#include <tenon/policies/weighting.hpp>

namespace tenon::reference {

/// Adds to dq, dk, dv (shaped as q, k, v, zeroed by the caller) of one sequence, as reference::attend has it, what d_out
/// [query, head, dim_v] gives. ds [query, head, key], if any, receives d loss / d s after the score, d_logits [head] is added to.
template <class T, class Mask, class Score, class Weighting = softmax>
void attend_backward(view<const T, 3> q, view<const T, 3> k, view<const T, 3> v, view<const T, 3> d_out, view<double, 3> dq, view<double, 3> dk, view<double, 3> dv,
                     const Mask& mask, const Score& score, const Weighting& weighting = {}, int batch = 0, view<double, 3> all_ds = {}, double* d_logits = nullptr) {
  const index_t keys = k.extent[0], queries = q.extent[0], group = q.extent[1] / k.extent[1];
  const double factor = factor_of(score) != 0 ? static_cast<double>(factor_of(score)) : 1 / __builtin_sqrt(static_cast<double>(q.extent[2]));
  const auto dot = [](const T* a, const T* b, index_t count) {
    double sum = 0;
    for (index_t d = 0; d < count; ++d) sum += static_cast<double>(a[d]) * static_cast<double>(b[d]);
    return sum;
  };
  double* const x = new double[static_cast<std::size_t>(3 * keys)];
  double *const w = x + keys, *const dw = w + keys;
  for (index_t i = 0; i < queries; ++i)
    for (index_t h = 0; h < q.extent[1]; ++h) {
      const auto at = [&](index_t j) { return position{static_cast<int>(keys - queries + i), static_cast<int>(j), static_cast<int>(h), batch}; };
      double top = -std::numeric_limits<double>::infinity(), total = 0, agreement = 0;
      for (index_t j = 0; j < keys; ++j) {
        if (!mask.keep(at(j))) continue;
        x[j] = dot(&q(i, h, 0), &k(j, h / group, 0), q.extent[2]) * factor;
        dw[j] = dot(&d_out(i, h, 0), &v(j, h / group, 0), v.extent[2]);
        w[j] = score.adjust(x[j], at(j));
        top = w[j] > top ? w[j] : top;
      }
      for (index_t j = 0; j < keys; ++j) {
        if (!mask.keep(at(j))) continue;
        if constexpr (requires { weighting.bias; })
          w[j] = 1 / (1 + __builtin_exp(-(w[j] + static_cast<double>(weighting.bias))));
        else
          w[j] = top == -std::numeric_limits<double>::infinity() ? 0 : __builtin_exp(w[j] - top);
        total += w[j];
      }
      double sink_weight = 0;
      if constexpr (requires { weighting.logits; }) sink_weight = total == 0 ? 0 : __builtin_exp(static_cast<double>(weighting.logits[h]) - top);
      total += sink_weight;
      if constexpr (!requires { weighting.bias; })
        for (index_t j = 0; j < keys; ++j)
          if (mask.keep(at(j))) w[j] = total == 0 ? 0 : w[j] / total, agreement += w[j] * dw[j];
      if (d_logits != nullptr && total != 0) d_logits[h] -= sink_weight / total * agreement;
      for (index_t j = 0; j < keys; ++j) {
        if (all_ds.data != nullptr) all_ds(i, h, j) = 0;
        if (!mask.keep(at(j)) || w[j] == 0) continue;
        double ds = w[j] * (dw[j] - agreement);
        if constexpr (requires { weighting.bias; }) ds = w[j] * (1 - w[j]) * dw[j];
        if (all_ds.data != nullptr) all_ds(i, h, j) = ds;
        const double dx = ds * slope_of(score, x[j], at(j)) * factor;
        for (index_t d = 0; d < q.extent[2]; ++d) {
          dq(i, h, d) += dx * static_cast<double>(k(j, h / group, d));
          dk(j, h / group, d) += dx * static_cast<double>(q(i, h, d));
        }
        for (index_t c = 0; c < v.extent[2]; ++c) dv(j, h / group, c) += w[j] * static_cast<double>(d_out(i, h, c));
      }
    }
  delete[] x;
}

}  // namespace tenon::reference
