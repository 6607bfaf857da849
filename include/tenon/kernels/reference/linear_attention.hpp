#pragma once
// Linear attention as SPEC section 1 defines it, in double and with every weight there: O(n^2). And its gradients. Slow.

#include <vector>

#include <tenon/core/view.hpp>
#include <tenon/policies/linear.hpp>

namespace tenon::reference {

/// out [query, head, dim_v] of one sequence, as reference::attend has it. With d_out, also dq, dk, dv (zeroed by the caller).
template <class Mask, class Features>
void attend_linear(view<const double, 3> q, view<const double, 3> k, view<const double, 3> v, view<double, 3> out, const Mask& mask, const linear<Features>& weighting,
                   view<const double, 3> d_out = {}, view<double, 3> dq = {}, view<double, 3> dk = {}, view<double, 3> dv = {}, int batch = 0) {
  const index_t keys = k.extent[0], queries = q.extent[0], group = q.extent[1] / k.extent[1];
  const int dim = static_cast<int>(q.extent[2]);
  const std::size_t count = static_cast<std::size_t>(weighting.features.count(dim));
  std::vector<double> a(count), da(count), db(count), w(static_cast<std::size_t>(keys));
  std::vector<std::vector<double>> b(static_cast<std::size_t>(keys), a);
  for (index_t h = 0; h < q.extent[1]; ++h) {
    const auto at = [&](index_t i) { return position{static_cast<int>(i), static_cast<int>(i), static_cast<int>(h), batch}; };
    for (index_t j = 0; j < keys; ++j) weighting.features.map(&k(j, h / group, 0), dim, at(j), side::key, b[static_cast<std::size_t>(j)].data());
    for (index_t i = 0; i < queries; ++i) {
      const index_t stands = keys - queries + i;
      weighting.features.map(&q(i, h, 0), dim, at(stands), side::query, a.data());
      double total = 0, agreement = 0;
      for (index_t c = 0; c < v.extent[2]; ++c) out(i, h, c) = 0;
      for (index_t j = 0; j < keys; ++j) {
        double& own = w[static_cast<std::size_t>(j)] = 0;
        if (!mask.keep({static_cast<int>(stands), static_cast<int>(j), static_cast<int>(h), batch})) continue;
        for (std::size_t n = 0; n < count; ++n) own += a[n] * b[static_cast<std::size_t>(j)][n];
        total += own;
        for (index_t c = 0; c < v.extent[2]; ++c) out(i, h, c) += own * v(j, h / group, c);
      }
      for (index_t c = 0; c < v.extent[2]; ++c) out(i, h, c) = total == 0 ? 0 : out(i, h, c) / total;
      if (d_out.data == nullptr || total == 0) continue;
      for (index_t c = 0; c < v.extent[2]; ++c) agreement += out(i, h, c) * d_out(i, h, c);
      da.assign(count, 0);
      for (index_t j = 0; j < keys; ++j) {
        if (!mask.keep({static_cast<int>(stands), static_cast<int>(j), static_cast<int>(h), batch})) continue;
        double dw = -agreement;
        for (index_t c = 0; c < v.extent[2]; ++c) dw += d_out(i, h, c) * v(j, h / group, c), dv(j, h / group, c) += w[static_cast<std::size_t>(j)] / total * d_out(i, h, c);
        for (std::size_t n = 0; n < count; ++n) da[n] += dw / total * b[static_cast<std::size_t>(j)][n], db[n] = dw / total * a[n];
        weighting.features.pull(&k(j, h / group, 0), dim, at(j), side::key, db.data(), &dk(j, h / group, 0));
      }
      weighting.features.pull(&q(i, h, 0), dim, at(stands), side::query, da.data(), &dq(i, h, 0));
    }
  }
}

}  // namespace tenon::reference
