#pragma once
// Attention as SPEC section 1 writes it, in double: the definition of correct. Slow.

#include <limits>

#include <tenon/core/view.hpp>
#include <tenon/policies/mask/algebra.hpp>
#include <tenon/policies/score/algebra.hpp>
#include <tenon/policies/weighting.hpp>

namespace tenon::reference {

/// out [query, head, dim_v] of one sequence: q [query, head, dim], k [key, kv_head, dim], v [key, kv_head, dim_v], query i at
/// position keys - queries + i. `largest`, when given, receives max |s|.
template <class T, class Mask, class Score, class Weighting = softmax>
void attend(view<const T, 3> q, view<const T, 3> k, view<const T, 3> v, view<double, 3> out, const Mask& mask, const Score& score,
            const Weighting& weighting = {}, int batch = 0, double* largest = nullptr) {
  const index_t keys = k.extent[0], queries = q.extent[0], group = q.extent[1] / k.extent[1];
  const double factor = factor_of(score) != 0 ? static_cast<double>(factor_of(score)) : 1 / __builtin_sqrt(static_cast<double>(q.extent[2]));
  for (index_t i = 0; i < queries; ++i)
    for (index_t h = 0; h < q.extent[1]; ++h) {
      const auto s = [&](index_t j, bool& kept) {
        const position p{static_cast<int>(keys - queries + i), static_cast<int>(j), static_cast<int>(h), batch};
        kept = mask.keep(p);
        if (!kept) return 0.0;
        double dot = 0;
        for (index_t d = 0; d < q.extent[2]; ++d) dot += static_cast<double>(q(i, h, d)) * static_cast<double>(k(j, h / group, d));
        return score.adjust(dot * factor, p);
      };
      double top = -std::numeric_limits<double>::infinity(), total = 0;
      for (index_t j = 0; j < keys; ++j) {
        bool kept = false;
        const double value = s(j, kept);
        if (kept && value > top) top = value;
        if (kept && largest != nullptr && __builtin_isfinite(value) && __builtin_fabs(value) > *largest) *largest = __builtin_fabs(value);
      }
      for (index_t c = 0; c < v.extent[2]; ++c) out(i, h, c) = 0;
      for (index_t j = 0; j < keys; ++j) {
        bool kept = false;
        const double value = s(j, kept);
        if (!kept) continue;
        double w;
        if constexpr (requires { weighting.bias; })
          w = 1 / (1 + __builtin_exp(-(value + static_cast<double>(weighting.bias))));
        else
          w = top == -std::numeric_limits<double>::infinity() ? 0 : __builtin_exp(value - top);
        total += w;
        for (index_t c = 0; c < v.extent[2]; ++c) out(i, h, c) += w * static_cast<double>(v(j, h / group, c));
      }
      if constexpr (requires { weighting.bias; }) continue;
      if constexpr (requires { weighting.logits; })
        if (total > 0) total += __builtin_exp(static_cast<double>(weighting.logits[h]) - top);
      for (index_t c = 0; c < v.extent[2]; ++c) out(i, h, c) = total == 0 ? 0 : out(i, h, c) / total;
    }
}

}  // namespace tenon::reference
