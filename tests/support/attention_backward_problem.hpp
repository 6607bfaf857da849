#pragma once
// Random problems of attention with a gradient of their output: what the kernels give, and what the reference does.

#include <string>

#include "attention_problem.hpp"

#include <tenon/kernels/launch/attention_backward.hpp>
#include <tenon/kernels/reference/attention_backward.hpp>

namespace tenon::testing {

/// dq, dk, dv and d loss / d s, in double.
struct wanted_gradients {
  std::vector<double> q, k, v, ds, logits;
};
/// dq, dk, dv as a kernel writes them.
struct found_gradients {
  std::vector<float> q, k, v, out, log_sum_exp;
};

/// An attention_problem and the gradient of its output.
struct backward_problem : attention_problem {
  std::vector<float> d_out;

  backward_problem(heads s, index_t query_count, index_t key_count, unsigned seed, float spread = 1) : attention_problem(s, query_count, key_count, seed, spread) { fill(seed); }
  explicit backward_problem(const attention_problem& p, unsigned seed) : attention_problem(p) { fill(seed); }

  view<const float, 3> output_gradient() const { return view<const float, 3>(d_out.data(), queries, shape.query, shape.dim_v); }

 private:
  void fill(unsigned seed) {
    std::mt19937 random(seed + 1000);
    std::normal_distribution<float> normal;
    d_out.resize(outputs());
    for (float& x : d_out) x = normal(random);
  }
};

template <class Mask, class Score = scaled, class Weighting = softmax>
wanted_gradients reference_gradients(const backward_problem& p, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}) {
  wanted_gradients to;
  to.q.resize(p.q.size()), to.k.resize(p.k.size()), to.v.resize(p.v.size());
  to.ds.resize(static_cast<std::size_t>(p.queries * p.shape.query * p.keys)), to.logits.resize(static_cast<std::size_t>(p.shape.query));
  reference::attend_backward(p.query(), p.key(), p.value(), p.output_gradient(), view<double, 3>(to.q.data(), p.queries, p.shape.query, p.shape.dim),
                             view<double, 3>(to.k.data(), p.keys, p.shape.kv, p.shape.dim), view<double, 3>(to.v.data(), p.keys, p.shape.kv, p.shape.dim_v), mask, score, weighting, 0,
                             view<double, 3>(to.ds.data(), p.queries, p.shape.query, p.keys), to.logits.data());
  return to;
}

/// Forward for the log-sum-exp, then backward; q, k and v as `Number`, gradients as float. Memory that nobody wrote holds NaN.
template <class Number = float, class Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
found_gradients gradients_of(const Machine& machine, const backward_problem& p, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}, const Reduction& reduction = {}) {
  found_gradients to;
  to.out.resize(p.outputs()), to.log_sum_exp.resize(static_cast<std::size_t>(p.queries * p.shape.query));
  const float unset = std::numeric_limits<float>::quiet_NaN();
  to.q.assign(p.q.size(), unset), to.k.assign(p.k.size(), unset), to.v.assign(p.v.size(), unset);
  const auto four = [](auto* data, index_t tokens, int head_count, int dim) { return view<std::remove_reference_t<decltype(*data)>, 4>(data, 1, tokens, head_count, dim); };
  const auto narrow = [](const std::vector<float>& x) {
    std::vector<Number> out;
    for (const float each : x) out.push_back(Number(each));
    return out;
  };
  const std::vector<Number> q = narrow(p.q), k = narrow(p.k), v = narrow(p.v);
  const heads& s = p.shape;
  const view<float, 4> out = four(to.out.data(), p.queries, s.query, s.dim_v);
  const view<float, 3> sums(to.log_sum_exp.data(), 1, p.queries, s.query);
  const auto q_view = four(q.data(), p.queries, s.query, s.dim), k_view = four(k.data(), p.keys, s.kv, s.dim), v_view = four(v.data(), p.keys, s.kv, s.dim_v);
  attend(machine, q_view, k_view, v_view, out, mask, score, weighting, reduction, sums);
  const attention_pass pass{.q = q_view, .k = k_view, .v = v_view, .out = out, .log_sum_exp = sums, .d_out = four(p.d_out.data(), p.queries, s.query, s.dim_v)};
  const attention_gradients gradients{
      .q = four(to.q.data(), p.queries, s.query, s.dim), .k = four(to.k.data(), p.keys, s.kv, s.dim), .v = four(to.v.data(), p.keys, s.kv, s.dim_v)};
  const buffer scratch(attention_backward_scratch<Score, Weighting>(machine, s, p.queries, p.keys, reduction));
  std::memset(scratch.data(), 0xff, scratch.size());
  attend_backward(machine, pass, gradients, mask, score, weighting, reduction, scratch.data());
  return to;
}

/// Relative L2 of what q, k and v of `Number` give within bound_of max(1, max |s| / 8) of the reference. dq and dk are sums of
/// w (dw - agreement) k or q, and vanish where one key has all the weight: then the bound is relative to what cancels, about dv times
/// the sizes of v and of k or q.
template <class Number, class Machine, class Mask, class Score, class Weighting, class Reduction>
void check_gradients_of(const Machine& machine, const backward_problem& p, const Mask& mask, const Score& score, const Weighting& weighting, const Reduction& reduction) {
  double largest = 0;
  reference_attend(p, mask, score, weighting, &largest);
  const double bound = bound_of<Number>(machine) * std::max(1.0, largest / 8);
  const wanted_gradients want = reference_gradients(p, mask, score, weighting);
  const found_gradients found = gradients_of<Number>(machine, p, mask, score, weighting, reduction);
  const auto norm = [](const std::vector<double>& x) {
    double sum = 0;
    for (const double each : x) sum += each * each;
    return std::sqrt(sum);
  };
  const auto size_of = [&](const std::vector<float>& x) { return norm({x.begin(), x.end()}) / std::sqrt(static_cast<double>(x.size())); };
  const auto typical = [&](const std::vector<float>& x) { return size_of(x) * size_of(p.v) * norm(want.v); };
  const auto check = [&](const std::string& name, const std::vector<float>& a, const std::vector<double>& b, double cancelled) {
    CAPTURE(name);
    const double size = norm(b), apart = distance(a, b) * (size == 0 ? 1 : size);
    CHECK(apart <= bound * std::max(size, cancelled));
  };
  check("dq", found.q, want.q, typical(p.k));
  check("dk", found.k, want.k, typical(p.q));
  check("dv", found.v, want.v, 0);
}
/// The same of floats and of bf16, of both against what they hold.
template <class Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
void check_gradients(const Machine& machine, backward_problem p, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}, const Reduction& reduction = {}) {
  CAPTURE(p.shape.query);
  CAPTURE(p.shape.kv);
  CAPTURE(p.shape.dim);
  CAPTURE(p.shape.dim_v);
  CAPTURE(p.queries);
  CAPTURE(p.keys);
  check_gradients_of<float>(machine, p, mask, score, weighting, reduction);
  for (auto* all : {&p.q, &p.k, &p.v})
    for (float& x : *all) x = static_cast<float>(bf16(x));
  INFO("bf16");
  check_gradients_of<bf16>(machine, p, mask, score, weighting, reduction);
}

}  // namespace tenon::testing
