#pragma once
// Random problems of attention for kernels that run as PTX, with the answer in double.

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/reference/attention.hpp>

#include "ptx_launch.hpp"

namespace tenon_test {

using tenon::view;

struct sizes {
  int batch, queries, keys, heads, kv_heads;
};

/// Random operands of one problem, keys beyond each length NaN.
template <class P>
struct ptx_attention {
  static constexpr int dim = P::dim;
  using number = tenon::problem_number<P>;
  sizes of;
  typename P::mask mask;
  typename P::score score;
  typename P::weighting weighting;
  std::vector<int> lengths;
  ptx::Buffer<number> q, k, v;
  ptx::Buffer<typename P::out> out;
  ptx::Buffer<float> log_sum_exp;
  ptx::Buffer<int> device_lengths;

  ptx_attention(sizes s, typename P::mask m, typename P::score sc, typename P::weighting w, std::vector<int> lens = {}, float spread = 1.5f)
      : of(s), mask(m), score(sc), weighting(w), lengths(std::move(lens)), q(count(s.queries, s.heads), "q"), k(count(s.keys, s.kv_heads), "keys"),
        v(count(s.keys, s.kv_heads), "values"), out(count(s.queries, s.heads), "out"), log_sum_exp(count(s.queries, s.heads) / dim, "log_sum_exp"),
        device_lengths(static_cast<std::size_t>(s.batch), "lengths") {
    std::mt19937 random(static_cast<unsigned>(s.queries * 1000 + s.keys));
    std::normal_distribution<float> normal;
    for (number& x : q) x = number(spread * normal(random));
    for (auto* all : {&k, &v})
      for (std::size_t i = 0; i < all->size(); ++i) {
        const auto row = static_cast<int>(i / dim);
        (*all)[i] = number(row % s.keys < length(row / s.keys / s.kv_heads) ? normal(random) : std::numeric_limits<float>::quiet_NaN());
      }
    for (int b = 0; b < s.batch; ++b) device_lengths[static_cast<std::size_t>(b)] = length(b);
  }
  std::size_t count(int rows, int heads) const { return static_cast<std::size_t>(of.batch) * static_cast<std::size_t>(rows) * static_cast<std::size_t>(heads) * dim; }
  int length(int b) const { return lengths.empty() ? of.keys : lengths[static_cast<std::size_t>(b)]; }

  tenon::attention_arguments<P> arguments() {
    tenon::attention_arguments<P> a{};
    a.q = q.data(), a.keys = k.data(), a.values = v.data(), a.out = out.data(), a.log_sum_exp = log_sum_exp.data();
    a.lengths = lengths.empty() ? nullptr : device_lengths.data();
    a.queries = of.queries, a.length = of.keys, a.heads = of.heads, a.kv_heads = of.kv_heads;
    a.q_head = a.out_head = dim, a.q_query = a.out_query = of.heads * dim, a.q_batch = a.out_batch = a.q_query * of.queries;
    a.cache_head = of.keys * dim, a.cache_batch = a.cache_head * of.kv_heads;
    a.mask = mask, a.score = score, a.weighting = weighting;
    return a;
  }
  /// Rows of the launch's grid, over words of `block_rows`.
  ptx::Dim3 grid(int block_rows) const {
    const int tile_queries = block_rows / P::group;
    return {static_cast<unsigned>((of.queries + tile_queries - 1) / tile_queries), static_cast<unsigned>(of.heads / P::group), static_cast<unsigned>(of.batch)};
  }
  void spoil() { std::memset(static_cast<void*>(out.data()), 0xff, out.size() * sizeof(out[0])); }

  /// Relative L2 of `out` against the reference, NaN where either has one.
  double distance() {
    double apart = 0, size = 0;
    for (int b = 0; b < of.batch; ++b) {
      const tenon::index_t keys = length(b), heads = of.heads, queries = of.queries;
      const auto floats = [&](const ptx::Buffer<number>& from, tenon::index_t rows, tenon::index_t of_rows, tenon::index_t all_heads, bool by_head) {
        std::vector<float> to(static_cast<std::size_t>(rows * all_heads * dim));
        const auto* first = from.data() + b * of_rows * all_heads * dim;
        for (tenon::index_t r = 0; r < rows; ++r)
          for (tenon::index_t h = 0; h < all_heads; ++h)
            for (tenon::index_t d = 0; d < dim; ++d)
              to[static_cast<std::size_t>((r * all_heads + h) * dim + d)] = static_cast<float>(first[by_head ? (h * of_rows + r) * dim + d : (r * all_heads + h) * dim + d]);
        return to;
      };
      const auto fq = floats(q, queries, queries, heads, false), fk = floats(k, keys, of.keys, of.kv_heads, true), fv = floats(v, keys, of.keys, of.kv_heads, true);
      std::vector<double> want(static_cast<std::size_t>(queries * heads * dim));
      tenon::reference::attend(view<const float, 3>(fq.data(), queries, heads, dim), view<const float, 3>(fk.data(), keys, of.kv_heads, dim),
                               view<const float, 3>(fv.data(), keys, of.kv_heads, dim), view<double, 3>(want.data(), queries, heads, dim), mask, score, weighting, b);
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double d = static_cast<double>(static_cast<float>(out[static_cast<std::size_t>(b) * want.size() + i])) - want[i];
        apart += d * d, size += want[i] * want[i];
      }
    }
    return std::sqrt(size == 0 ? apart : apart / size);
  }
  std::vector<char> bytes() const {
    const char* first = reinterpret_cast<const char*>(out.data());
    return {first, first + out.size() * sizeof(*out.data())};
  }

  /// run(way), which must give results within 5e-3 (the rounding of weights and results to 16 bits), and the same bits, in every way.
  template <class Run>
  void check_ways(const char* kernel, Run&& run) {
    CAPTURE(kernel);
    CAPTURE(of.queries);
    CAPTURE(of.keys);
    std::vector<char> first;
    for (const ptx::Options& way : ptx_ways()) {
      run(way);
      if (first.empty()) {
        first = bytes();
        CHECK(distance() <= 5e-3);
      }
      CHECK(first == bytes());
    }
  }
};

}  // namespace tenon_test
