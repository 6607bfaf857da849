#pragma once
// The gradients of attention on a processor, for training: of q, k, v, and of the operands that policies learn.

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/launch/attention_backward_call.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

inline heads heads_of(const readable<4>& q, const readable<4>& k, const readable<4>& v) {
  return {.query = static_cast<int>(q.extent[2]), .kv = static_cast<int>(k.extent[2]), .dim = static_cast<int>(q.extent[3]), .dim_v = static_cast<int>(v.extent[3])};
}
template <class A, class B>
bool same_shape(const A& a, const B& b) {
  for (int axis = 0; axis < 4; ++axis)
    if (a.extent[axis] != b.extent[axis]) return false;
  return true;
}

inline void check_pass(const attention_pass& pass, bool sums_needed) {
  const index_t batch = pass.q.extent[0], queries = pass.q.extent[1], query_heads = pass.q.extent[2], keys = pass.k.extent[1], kv = pass.k.extent[2];
  const index_t dim = pass.q.extent[3], dim_v = pass.v.extent[3];
  if (kv <= 0 || query_heads % kv != 0)
    throw error("[k] has ", kv, " heads: they must divide the ", query_heads, " of q, each serves an equal group. Fix: change the heads of k and v.");
  if (dim % 8 != 0 || dim_v % 8 != 0 || dim <= 0 || dim_v <= 0 || dim > 576 || dim_v > 576)
    throw error("[q, v] have head dims ", dim, " and ", dim_v, ": they must be multiples of 8 up to 576. Fix: pad the heads of the model.");
  if (pass.k.extent[0] != batch || pass.k.extent[3] != dim || pass.v.extent[0] != batch || pass.v.extent[1] != keys || pass.v.extent[2] != kv)
    throw error("[k, v] of attend_backward must be [", batch, ", ", keys, ", ", kv, ", ", dim, "] and [", batch, ", ", keys, ", ", kv, ", ", dim_v, "]. Fix: give what attend was given.");
  const readable<4>& d_out = pass.d_out;
  if (d_out.extent[0] != batch || d_out.extent[1] != queries || d_out.extent[2] != query_heads || d_out.extent[3] != dim_v)
    throw error("[d_out] of attend_backward must be [", batch, ", ", queries, ", ", query_heads, ", ", dim_v, "]. Fix: give the gradient of attend's out.");
  const view<const float, 3>& sums = pass.log_sum_exp;
  if (sums_needed && (!same_shape(pass.out, d_out) || sums.extent[0] != batch || sums.extent[1] != queries || sums.extent[2] != query_heads))
    throw error("[out, log_sum_exp] of attend_backward must be those that attend wrote, [", batch, ", ", queries, ", ", query_heads, "]. Fix: ask attend for its log_sum_exp.");
  if (pass.q.stride[3] != 1 || pass.k.stride[3] != 1 || pass.v.stride[3] != 1 || d_out.stride[3] != 1 || (sums_needed && pass.out.stride[3] != 1))
    throw error("[q, k, v, out, d_out] must be dense in their last axis. Fix: copy them first.");
}
inline void check_gradients(const attention_pass& pass, const attention_gradients& to) {
  if (!same_shape(to.q, pass.q) || !same_shape(to.k, pass.k) || !same_shape(to.v, pass.v))
    throw error("[gradients] of attend_backward must have the shapes of q, k and v. Fix: make them equal.");
  if (to.q.stride[3] != 1 || to.k.stride[3] != 1 || to.v.stride[3] != 1) throw error("[gradients] must be dense in their last axis. Fix: write them elsewhere, then copy.");
}

template <class Score, class Weighting, class Machine>
std::size_t slope_bytes(const Machine&, const backward_cut& cut) {
  constexpr int rows = Machine::atoms::attention_backward::group_rows;
  return round_up(static_cast<std::size_t>(cut.shape.kv * (cut.padded_rows / rows)) * sizeof(decltype(slopes_of<rows>(Weighting{}))), 64);
}
template <class Score, class Machine, class Reduction>
backward_cut cut_backward(const Machine& machine, const heads& shape, index_t queries, index_t keys, const Reduction& reduction) {
  const int stages = learned_stages<Score>, split = split_of(reduction, keys);
  return backward_cut::of<typename Machine::atoms::attention_backward>(shape, queries, keys, split, stages, learns_per_score<Score> ? 1 : machine.threads());
}

}  // namespace kernel_detail

/// Bytes of scratch that attend_backward needs for sequences of these shapes.
template <class Score = scaled, class Weighting = softmax, class Reduction = fixed_split, class Machine>
std::size_t attention_backward_scratch(const Machine& machine, heads shape, index_t queries, index_t keys, const Reduction& reduction = {}) {
  const kernel_detail::backward_cut cut = kernel_detail::cut_backward<Score>(machine, shape, queries, keys, reduction);
  return kernel_detail::slope_bytes<Score, Weighting>(machine, cut) + round_up(cut.floats(machine.threads()) * sizeof(float), 64);
}

/// The gradients of attend without a cache: writes dq, dk, dv, and adds those of learned operands to the places that `score` and
/// `weighting` name (d_logits, d_table, ...). A query that sees nothing has none and gives none. Under fixed_split and sequential the
/// bits do not depend on the number of threads. scratch: attention_backward_scratch bytes, aligned to 64.
/// Throws tenon::error for shapes that do not fit.
template <class Machine, class Mask, class Score, class Weighting, class Reduction>
void attend_backward(const Machine& machine, const attention_pass& pass, const attention_gradients& gradients, const Mask& mask, const Score& score,
                     const Weighting& weighting, const Reduction& reduction, std::byte* scratch) {
  kernel_detail::check_pass(pass, !requires { weighting.bias; });
  kernel_detail::check_gradients(pass, gradients);
  const heads shape = kernel_detail::heads_of(pass.q, pass.k, pass.v);
  using call = kernel_detail::backward_call<Machine, Mask, Score, Weighting>;
  const kernel_detail::backward_cut cut = kernel_detail::cut_backward<Score>(machine, shape, pass.q.extent[1], pass.k.extent[1], reduction);
  float* const floats = reinterpret_cast<float*>(scratch + kernel_detail::slope_bytes<Score, Weighting>(machine, cut));
  const call one{machine, pass, gradients, mask, score, weighting, cut, reinterpret_cast<typename call::slopes*>(scratch), floats};
  for (index_t b = 0; b < pass.q.extent[0]; ++b) one.run(b);
}

/// The same; takes its own scratch.
template <class Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void attend_backward(const Machine& machine, const attention_pass& pass, const attention_gradients& gradients, const Mask& mask, const Score& score = {},
                     const Weighting& weighting = {}, const Reduction& reduction = {}) {
  kernel_detail::check_pass(pass, !requires { weighting.bias; });
  kernel_detail::check_gradients(pass, gradients);
  const heads shape = kernel_detail::heads_of(pass.q, pass.k, pass.v);
  const buffer scratch(attention_backward_scratch<Score, Weighting>(machine, shape, pass.q.extent[1], pass.k.extent[1], reduction), "the sums of attend_backward");
  attend_backward(machine, pass, gradients, mask, score, weighting, reduction, scratch.data());
}

TENON_KERNELS_END
