#pragma once
// Random problems of attention's gradients as GPU kernels take them, with the answer of the reference in double. Array<T>(count, name) is
// an array that a simulated device knows.

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/launch/gpu/attention_backward.hpp>
#include <tenon/kernels/reference/attention.hpp>
#include <tenon/kernels/reference/attention_backward.hpp>

namespace tenon::testing {

struct backward_sizes {
  int batch, heads, kv_heads, queries, keys;
};

/// Problem: mask, score, weighting, out, gradient, dim, group.
template <class Problem, template <class> class Array>
struct gpu_backward_case {
  static constexpr index_t dim = Problem::dim;
  using gradient = typename Problem::gradient;

  backward_sizes of;
  typename Problem::mask mask;
  typename Problem::score score;
  typename Problem::weighting weighting;
  std::vector<int> lengths;
  Array<bf16> q, k, v, d_out;
  Array<typename Problem::out> out;
  Array<float> log_sum_exp, facts, sink_shares, d_logits;
  Array<gradient> dq, dk, dv;
  Array<int> device_lengths;
  std::vector<double> want_q, want_k, want_v, want_logits;

  gpu_backward_case(backward_sizes s, const typename Problem::mask& m, const typename Problem::score& sc = {}, const typename Problem::weighting& w = {}, std::vector<int> lens = {},
                    float spread = 1)
      : of(s),
        mask(m),
        score(sc),
        weighting(w),
        lengths(std::move(lens)),
        q(rows() * dim, "q"),
        k(cache_rows() * dim, "keys"),
        v(cache_rows() * dim, "values"),
        d_out(rows() * dim, "d_out"),
        out(rows() * dim, "out"),
        log_sum_exp(rows(), "log_sum_exp"),
        facts(2 * padded(), "facts"),
        sink_shares(padded(), "sink shares"),
        d_logits(static_cast<std::size_t>(s.heads), "d_logits"),
        dq(rows() * dim, "dq"),
        dk(cache_rows() * dim, "dk"),
        dv(cache_rows() * dim, "dv"),
        device_lengths(static_cast<std::size_t>(s.batch), "lengths"),
        want_q(rows() * dim),
        want_k(cache_rows() * dim),
        want_v(cache_rows() * dim),
        want_logits(static_cast<std::size_t>(s.heads)) {
    std::mt19937 random(static_cast<unsigned>(s.queries * 1000 + s.keys));
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < rows() * dim; ++i) q.data()[i] = bf16(spread * normal(random)), d_out.data()[i] = bf16(normal(random));
    for (std::size_t i = 0; i < cache_rows() * dim; ++i) {
      const auto row = static_cast<int>(i / dim);
      const bool there = row % of.keys < length(row / of.keys / of.kv_heads);
      const float nan = std::numeric_limits<float>::quiet_NaN();  // nothing beyond a sequence's own length is read
      k.data()[i] = bf16(there ? normal(random) : nan), v.data()[i] = bf16(there ? normal(random) : nan);
    }
    for (int b = 0; b < s.batch; ++b) device_lengths.data()[b] = length(b), answer(b);
    if constexpr (requires { weighting.d_logits; }) weighting.d_logits = d_logits.data();
  }

  int length(int b) const { return lengths.empty() ? of.keys : lengths[static_cast<std::size_t>(b)]; }

  attention_backward_arguments<Problem> arguments() {
    attention_backward_arguments<Problem> a{};
    auto& c = a.call;
    c.q = q.data(), c.keys = k.data(), c.values = v.data(), c.out = out.data(), c.log_sum_exp = log_sum_exp.data();
    c.lengths = lengths.empty() ? nullptr : device_lengths.data();
    c.queries = of.queries, c.length = of.keys, c.heads = of.heads, c.kv_heads = of.kv_heads;
    c.q_head = c.out_head = dim, c.q_query = c.out_query = of.heads * dim, c.q_batch = c.out_batch = c.q_query * of.queries;
    c.cache_head = of.keys * dim, c.cache_batch = c.cache_head * of.kv_heads;
    c.mask = mask, c.score = score, c.weighting = weighting;
    a.d_out = d_out.data(), a.dq = dq.data(), a.dk = dk.data(), a.dv = dv.data(), a.batch = of.batch;
    if constexpr (!requires { weighting.bias; }) a.facts = facts.data();
    if constexpr (requires { weighting.d_logits; }) a.sink_shares = sink_shares.data();
    return a;
  }
  /// Gradients that nobody wrote are no numbers.
  void spoil() {
    std::fill_n(dq.data(), rows() * dim, gradient(std::numeric_limits<float>::quiet_NaN()));
    for (auto* all : {&dk, &dv}) std::fill_n(all->data(), cache_rows() * dim, gradient(std::numeric_limits<float>::quiet_NaN()));
    std::fill_n(d_logits.data(), of.heads, 0.0f);
  }
  /// Blocks of each kernel along x.
  int row_blocks() const { return static_cast<int>(attention_backward_padded(index_t{of.queries} * Problem::group) / 16); }
  template <class Words>
  int key_blocks() const {
    return (of.keys + Words::block_keys - 1) / Words::block_keys;
  }
  template <class Words>
  int query_blocks() const {
    constexpr int tile = Words::tile_rows / Problem::group;
    return (of.queries + tile - 1) / tile;
  }

  /// dq, dk and dv, one behind the other.
  std::vector<gradient> gradients() const {
    std::vector<gradient> all(dq.data(), dq.data() + rows() * dim);
    for (const auto* next : {&dk, &dv}) all.insert(all.end(), next->data(), next->data() + cache_rows() * dim);
    return all;
  }

  /// The greatest relative L2 of dq, dk, dv, and of d_logits where they are learned: against the reference; infinite where something is no number.
  double distance() const {
    const double worst = std::max({apart(dq, want_q), apart(dk, want_k), apart(dv, want_v)});
    if constexpr (requires { weighting.d_logits; }) return std::max(worst, apart(d_logits, want_logits));
    return worst;
  }

 private:
  static std::size_t times(int a, int b, int c) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b) * static_cast<std::size_t>(c); }
  std::size_t rows() const { return times(of.batch, of.heads, of.queries); }
  std::size_t cache_rows() const { return times(of.batch, of.kv_heads, of.keys); }
  std::size_t padded() const { return times(of.batch, of.kv_heads, static_cast<int>(attention_backward_padded(index_t{of.queries} * Problem::group))); }

  template <class T>
  static double apart(const Array<T>& found, const std::vector<double>& want) {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double d = static_cast<double>(static_cast<float>(found.data()[i])) - want[i];
      difference += d * d, size += want[i] * want[i];
    }
    const double all = std::sqrt(size == 0 ? difference : difference / size);
    return std::isnan(all) ? INFINITY : all;
  }

  // out, its log-sum-exp and the gradients of one sequence.
  void answer(int b) {
    const index_t keys = length(b), heads = of.heads, queries = of.queries, kv = of.kv_heads;
    const std::size_t at = static_cast<std::size_t>(b) * static_cast<std::size_t>(queries * heads * dim), cache = static_cast<std::size_t>(b) * static_cast<std::size_t>(kv * of.keys * dim);
    std::vector<float> fq, fd, fk, fv;
    for (std::size_t i = 0; i < static_cast<std::size_t>(queries * heads * dim); ++i) fq.push_back(static_cast<float>(q.data()[at + i])), fd.push_back(static_cast<float>(d_out.data()[at + i]));
    for (std::size_t i = 0; i < static_cast<std::size_t>(kv * of.keys * dim); ++i) fk.push_back(static_cast<float>(k.data()[cache + i])), fv.push_back(static_cast<float>(v.data()[cache + i]));
    const auto by_token = [&](auto* data) {  // [kv_head, key, dim] seen as [key, kv_head, dim]
      view<std::remove_pointer_t<decltype(data)>, 3> seen(data, keys, kv, dim);
      seen.stride[0] = dim, seen.stride[1] = of.keys * dim;
      return seen;
    };
    const view<const float, 3> qs(fq.data(), queries, heads, dim), ds(fd.data(), queries, heads, dim), ks = by_token(static_cast<const float*>(fk.data())), vs = by_token(static_cast<const float*>(fv.data()));
    std::vector<double> results(fq.size());
    reference::attend(qs, ks, vs, view<double, 3>(results.data(), queries, heads, dim), mask, score, weighting, b);
    for (std::size_t i = 0; i < results.size(); ++i) out.data()[at + i] = typename Problem::out(static_cast<float>(results[i]));
    for (index_t i = 0; i < queries; ++i)
      for (index_t h = 0; h < heads; ++h) log_sum_exp.data()[static_cast<std::size_t>((b * queries + i) * heads + h)] = log_sum_exp_of(qs, ks, i, h, b);
    reference::attend_backward(qs, ks, vs, ds, view<double, 3>(want_q.data() + at, queries, heads, dim), by_token(want_k.data() + cache), by_token(want_v.data() + cache), mask, score, weighting, b,
                               view<double, 3>{}, want_logits.data());
  }
  float log_sum_exp_of(const view<const float, 3>& qs, const view<const float, 3>& ks, index_t i, index_t h, int b) const {
    const double factor = factor_of(score) != 0 ? static_cast<double>(factor_of(score)) : 1 / std::sqrt(static_cast<double>(dim));
    std::vector<double> s;
    for (index_t j = 0; j < ks.extent[0]; ++j) {
      const position p{static_cast<int>(ks.extent[0] - of.queries + i), static_cast<int>(j), static_cast<int>(h), b};
      if (!mask.keep(p)) continue;
      double dot = 0;
      for (index_t d = 0; d < dim; ++d) dot += static_cast<double>(qs(i, h, d)) * static_cast<double>(ks(j, h / Problem::group, d));
      s.push_back(score.adjust(dot * factor, p));
    }
    const double top = s.empty() ? 0 : *std::max_element(s.begin(), s.end());
    if (s.empty() || std::isinf(top)) return -std::numeric_limits<float>::infinity();
    double total = 0;
    for (const double x : s) total += std::exp(x - top);
    return static_cast<float>(top + std::log(total));
  }
};

}  // namespace tenon::testing
