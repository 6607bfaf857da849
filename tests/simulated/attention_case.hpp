#pragma once
// Random problems of attention as GPU kernels take them, with the answer of the reference in double.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/simulated.hpp>
#include <tenon/kernels/reference/attention.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>
#include <tenon/policies/weighting.hpp>

namespace tenon::testing {

/// An array that is registered with a machine, with unregistered bytes beyond it.
template <class T>
struct device_array {
  std::vector<T> all;
  std::size_t count;
  explicit device_array(std::size_t n) : all(n + 256 / sizeof(T)), count(n) {}
  T* data() { return all.data(); }
  const T* data() const { return all.data(); }
  std::size_t bytes() const { return count * sizeof(T); }
};

/// Nothing is seen: by some rows, or by all.
struct nothing_before {
  int query;
  TENON_BOTH constexpr bool keep(position p) const { return p.query >= query; }
  TENON_BOTH constexpr cover covers(tile t) const { return t.q1 <= query ? cover::none : t.q0 >= query ? cover::all : cover::some; }
};

struct attention_sizes {
  int batch, heads, kv_heads, queries, keys;
};

/// The arrays of one problem. Problem: mask, score, weighting, out, dim, group.
template <class Problem>
struct attention_case {
  attention_sizes sizes;
  typename Problem::mask mask;
  typename Problem::score score;
  typename Problem::weighting weighting;
  using number = problem_number<Problem>;
  device_array<number> q, keys, values;
  device_array<typename Problem::out> out;
  std::span<const float> operands;  // what the policies point at

  attention_case(attention_sizes s, const typename Problem::mask& m, const typename Problem::score& sc = {},
                 const typename Problem::weighting& w = {}, unsigned seed = 1)
      : sizes(s),
        mask(m),
        score(sc),
        weighting(w),
        q(count(s.heads, s.queries)),
        keys(count(s.kv_heads, s.keys)),
        values(count(s.kv_heads, s.keys)),
        out(count(s.heads, s.queries)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (auto* all : {&q.all, &keys.all, &values.all})
      for (number& x : *all) x = number(normal(random));
  }

  attention_arguments<Problem> arguments() {
    constexpr index_t dim = Problem::dim;
    const index_t query = index_t{sizes.heads} * dim, cache = index_t{sizes.keys} * dim;
    attention_arguments<Problem> a{};
    a.q = q.data(), a.keys = keys.data(), a.values = values.data(), a.out = out.data();
    a.queries = sizes.queries, a.length = sizes.keys, a.heads = sizes.heads, a.kv_heads = sizes.kv_heads;
    a.q_batch = a.out_batch = sizes.queries * query, a.q_query = a.out_query = query, a.q_head = a.out_head = dim;
    a.cache_batch = sizes.kv_heads * cache, a.cache_head = cache;
    a.mask = mask, a.score = score, a.weighting = weighting;
    return a;
  }

  /// Registers the arrays and runs the kernel over `Words`, words over `Leaf`.
  template <class Leaf, class Words, class Machine>
  void run(const Machine& machine, int shared_bytes = Words::shared_bytes) {
    auto a = arguments();
    run<Leaf, Words>(machine, a, shared_bytes);
  }
  template <class Leaf, class Words, class Machine>
  void run(const Machine& machine, const attention_arguments<Problem>& a, int shared_bytes = Words::shared_bytes) {
    launch<Words>(machine, attention_body<Leaf, Words, Problem>{a}, shared_bytes);
  }
  template <class Words, class Machine, class Body>
  void launch(const Machine& machine, const Body& body, int shared_bytes = Words::shared_bytes) {
    std::fill(out.all.begin(), out.all.end(), typename Problem::out(-7.0f));
    machine.readable(q.data(), q.bytes(), "q");
    machine.readable(keys.data(), keys.bytes(), "keys");
    machine.readable(values.data(), values.bytes(), "values");
    machine.writable(out.data(), out.bytes(), "out");
    machine.readable(operands.data(), operands.size_bytes(), "operands");
    constexpr int tile = Words::block_rows / Problem::group;
    machine.launch({(sizes.queries + tile - 1) / tile, sizes.heads / Problem::group, sizes.batch}, {Words::threads},
                   static_cast<std::size_t>(shared_bytes), body);
  }

  /// The answer in double, [batch, query, head, dim].
  std::vector<double> reference() const {
    const auto floats = [](const device_array<number>& from) {
      std::vector<float> to(from.count);
      for (std::size_t i = 0; i < from.count; ++i) to[i] = static_cast<float>(from.all[i]);
      return to;
    };
    const std::vector<float> fq = floats(q), fk = floats(keys), fv = floats(values);
    std::vector<double> want(out.count);
    constexpr index_t dim = Problem::dim;
    for (int b = 0; b < sizes.batch; ++b) {
      const index_t cache = index_t{b} * sizes.kv_heads * sizes.keys * dim, at = index_t{b} * sizes.queries * sizes.heads * dim;
      view<const float, 3> k(fk.data() + cache, sizes.keys, sizes.kv_heads, dim), v(fv.data() + cache, sizes.keys, sizes.kv_heads, dim);
      k.stride[0] = v.stride[0] = dim, k.stride[1] = v.stride[1] = sizes.keys * dim;  // [kv_head, key, dim] seen as [key, kv_head, dim]
      tenon::reference::attend(view<const float, 3>(fq.data() + at, sizes.queries, sizes.heads, dim), k, v,
                               view<double, 3>(want.data() + at, sizes.queries, sizes.heads, dim), mask, score, weighting, b);
    }
    return want;
  }

  /// |out - want| / |want|, or |out| where want is 0; infinite where an output is no number.
  double distance(const std::vector<double>& want) const {
    double apart = 0, size = 0;
    for (std::size_t i = 0; i < out.count; ++i) {
      const double got = static_cast<double>(static_cast<float>(out.all[i]));
      apart += (got - want[i]) * (got - want[i]);
      size += want[i] * want[i];
    }
    const double all = std::sqrt(size == 0 ? apart : apart / size);
    return std::isnan(all) ? INFINITY : all;
  }

 private:
  std::size_t count(int heads, int tokens) const {
    return static_cast<std::size_t>(sizes.batch) * static_cast<std::size_t>(heads) * static_cast<std::size_t>(tokens) * Problem::dim;
  }
};

}  // namespace tenon::testing
