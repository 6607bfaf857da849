#pragma once
// Random problems of linear attention as GPU kernels take them, with the answer of the reference in double. Array<T>(count, name) is an array
// that a simulated device knows.

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/launch/gpu/linear_attention.hpp>
#include <tenon/kernels/reference/linear_attention.hpp>

namespace tenon::testing {

struct linear_sizes {
  int batch, heads, kv_heads, queries, keys;
};

/// Problem: mask, weighting = linear<...>, out, dim, group.
template <class Problem, template <class> class Array>
struct gpu_linear_case {
  static constexpr index_t dim = Problem::dim, columns = linear_state_columns(Problem::dim);
  linear_sizes of;
  typename Problem::mask mask;
  Array<bf16> q, k, v;
  Array<typename Problem::out> out;
  Array<float> state;
  std::vector<double> want;

  gpu_linear_case(linear_sizes s, const typename Problem::mask& m)
      : of(s),
        mask(m),
        q(count(s.heads, s.queries), "q"),
        k(count(s.kv_heads, s.keys), "keys"),
        v(count(s.kv_heads, s.keys), "values"),
        out(count(s.heads, s.queries), "out"),
        state(count(s.kv_heads, 1) * static_cast<std::size_t>(columns), "state"),
        want(count(s.heads, s.queries)) {
    std::mt19937 random(static_cast<unsigned>(s.queries * 1000 + s.keys));
    std::normal_distribution<float> normal;
    for (auto* all : {&q, &k, &v})
      for (std::size_t i = 0; i < (all == &q ? want.size() : count(s.kv_heads, s.keys)); ++i) all->data()[i] = bf16(normal(random));
    for (int b = 0; b < s.batch; ++b) answer(b);
  }

  /// Keys [first, first + keys) and the queries of their last `queries`; states from and to memory where they are asked for.
  linear_attention_arguments<Problem> arguments(int first, int keys, int queries, bool continues, bool leaves) {
    linear_attention_arguments<Problem> a{};
    auto& c = a.call;
    const int row = first + keys - queries - (of.keys - of.queries);  // of q
    c.q_head = c.out_head = dim, c.q_query = c.out_query = of.heads * dim, c.q_batch = c.out_batch = c.q_query * of.queries;
    c.cache_head = of.keys * dim, c.cache_batch = c.cache_head * of.kv_heads;
    c.q = q.data() + row * c.q_query, c.out = out.data() + row * c.q_query, c.keys = k.data() + first * dim, c.values = v.data() + first * dim;
    c.queries = queries, c.length = keys, c.heads = of.heads, c.kv_heads = of.kv_heads, c.mask = mask;
    a.before = continues ? state.data() : nullptr, a.after = leaves ? state.data() : nullptr;
    return a;
  }
  void spoil() { std::fill_n(out.data(), want.size(), typename Problem::out(std::numeric_limits<float>::quiet_NaN())); }

  /// Relative L2 of the outputs against the reference; infinite where one is no number.
  double distance() const {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double d = static_cast<double>(static_cast<float>(out.data()[i])) - want[i];
      difference += d * d, size += want[i] * want[i];
    }
    const double all = std::sqrt(size == 0 ? difference : difference / size);
    return std::isnan(all) ? INFINITY : all;
  }

 private:
  std::size_t count(int heads, int tokens) const { return static_cast<std::size_t>(of.batch) * static_cast<std::size_t>(heads) * static_cast<std::size_t>(tokens) * dim; }
  void answer(int b) {
    const std::size_t rows = count(of.heads, of.queries) / static_cast<std::size_t>(of.batch), cache = count(of.kv_heads, of.keys) / static_cast<std::size_t>(of.batch);
    const auto doubles = [&](const Array<bf16>& from, std::size_t size) {
      std::vector<double> to(size);
      for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<double>(static_cast<float>(from.data()[static_cast<std::size_t>(b) * size + i]));
      return to;
    };
    const std::vector<double> dq = doubles(q, rows), dk = doubles(k, cache), dv = doubles(v, cache);
    view<const double, 3> ks(dk.data(), of.keys, of.kv_heads, dim), vs(dv.data(), of.keys, of.kv_heads, dim);
    ks.stride[0] = vs.stride[0] = dim, ks.stride[1] = vs.stride[1] = of.keys * dim;
    reference::attend_linear(view<const double, 3>(dq.data(), of.queries, of.heads, dim), ks, vs, view<double, 3>(want.data() + static_cast<std::size_t>(b) * rows, of.queries, of.heads, dim), mask,
                             typename Problem::weighting{}, view<const double, 3>{}, view<double, 3>{}, view<double, 3>{}, view<double, 3>{}, b);
  }
};

}  // namespace tenon::testing
