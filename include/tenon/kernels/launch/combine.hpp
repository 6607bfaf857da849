#pragma once
// Results of softmax attention over parts of the keys become the result over all of them: for keys that lie in several caches, belong
// to several machines, or were read at several times. With a and b the log-sum-exps that attend gave for two parts:
//   out = (e^a out + e^b next) / (e^a + e^b),  log_sum_exp = log(e^a + e^b)
// A monoid: a part that saw nothing (0, -infinity) changes no bit, and the order matters only to rounding. Sigmoid's parts are simply
// added. Moves: both results once. Reference: kernels/reference/attention.hpp over all keys.

#include <limits>

#include <tenon/core/fault.hpp>
#include <tenon/core/math.hpp>
#include <tenon/kernels/shared/rows.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

inline void check_parts(const view<float, 3>& out, const view<float, 2>& log_sum_exp) {
  if (log_sum_exp.extent[0] != out.extent[0] || log_sum_exp.extent[1] != out.extent[1] || out.stride[2] != 1)
    throw error("[log_sum_exp] of combine must be [", out.extent[0], ", ", out.extent[1], "] and out dense in its last axis. Fix: what attend wrote.");
}

// f(query, head, its result) for all of them.
template <class Machine, class F>
void each_result(const Machine& machine, const view<float, 3>& out, const F& f) {
  for_rows(machine, out.extent[0], 2 * out.extent[1] * out.extent[2], [&](index_t first, index_t last) {
    for (index_t t = first; t < last; ++t)
      for (index_t h = 0; h < out.extent[1]; ++h) f(t, h, out.data + t * out.stride[0] + h * out.stride[1]);
  });
}

}  // namespace kernel_detail

/// out [query, head, dim_v] and log_sum_exp [query, head], results over some keys, become those over these and over the keys that `next`
/// and `next_log_sum_exp` are the results of; the last axes are dense. No key may be in both. Throws tenon::error for shapes that do not fit.
template <class Machine>
void combine(const Machine& machine, view<const float, 3> next, view<const float, 2> next_log_sum_exp, view<float, 3> out, view<float, 2> log_sum_exp) {
  kernel_detail::check_parts(out, log_sum_exp);
  for (int axis = 0; axis < 3; ++axis)
    if (next.extent[axis] != out.extent[axis] || (axis < 2 && next_log_sum_exp.extent[axis] != out.extent[axis]) || next.stride[2] != 1)
      throw error("[next] of combine must be [", out.extent[0], ", ", out.extent[1], ", ", out.extent[2], "], dense in its last axis, with its log-sum-exps. Fix: results of the same queries.");
  constexpr float nothing = -std::numeric_limits<float>::infinity();
  kernel_detail::each_result(machine, out, [&](index_t t, index_t h, float* to) {
    const float a = log_sum_exp(t, h), b = next_log_sum_exp(t, h);
    if (b == nothing) return;
    const float top = a < b ? b : a, of_a = a == nothing ? 0.0f : exp(a - top), of_b = exp(b - top), total = of_a + of_b;
    const float left = of_a / total, right = of_b / total;
    const float* from = next.data + t * next.stride[0] + h * next.stride[1];
    for_values(out.extent[2], [&](index_t i) TENON_LAMBDA { to[i] = left * to[i] + right * from[i]; });
    log_sum_exp(t, h) = top + log(total);
  });
}

/// What sink logits [head] leave of results without sinks, in place: they join the denominator once, when all parts are combined.
template <class Machine>
void add_sinks(const Machine& machine, const float* logits, view<const float, 2> log_sum_exp, view<float, 3> out) {
  kernel_detail::check_parts(out, {const_cast<float*>(log_sum_exp.data), log_sum_exp.extent[0], log_sum_exp.extent[1]});
  kernel_detail::each_result(machine, out, [&](index_t t, index_t h, float* to) {
    const float left = logistic(log_sum_exp(t, h) - logits[h]);
    for_values(out.extent[2], [&](index_t i) TENON_LAMBDA { to[i] *= left; });
  });
}

TENON_KERNELS_END
