// Attention on every machine of this build against the reference in double: shapes, caches, chunks of the prompt, threads.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/reference/attention.hpp>

namespace tenon {

namespace {

struct problem {
  heads shape;
  index queries, keys;
  std::vector<float> q, k, v;

  problem(heads s, index query_count, index key_count, unsigned seed, float spread = 1) : shape(s), queries(query_count), keys(key_count) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    q.resize(static_cast<std::size_t>(queries * s.query * s.dim));
    k.resize(static_cast<std::size_t>(keys * s.kv * s.dim));
    v.resize(static_cast<std::size_t>(keys * s.kv * s.dim_v));
    for (auto* all : {&q, &k, &v})
      for (float& x : *all) x = normal(random);
    for (float& x : q) x *= spread;
  }
  view<const float, 3> query() const { return view<const float, 3>(q.data(), queries, shape.query, shape.dim); }
  view<const float, 3> key() const { return view<const float, 3>(k.data(), keys, shape.kv, shape.dim); }
  view<const float, 3> value() const { return view<const float, 3>(v.data(), keys, shape.kv, shape.dim_v); }
};

// The queries in chunks of `chunk` through a cache that grows as they come.
template <class Number, class Machine, class Mask, class Score>
std::vector<float> run(const Machine& machine, const problem& p, const Mask& mask, const Score& score, index chunk) {
  const buffer memory(cache_bytes<Number>(machine, p.shape, p.keys)), scratch(attention_scratch(machine, p.shape, chunk, p.keys));
  cache_view<Number> cache{.data = memory.data(), .shape = p.shape, .capacity = p.keys};
  std::vector<float> result(static_cast<std::size_t>(p.queries * p.shape.query * p.shape.dim_v));
  const view<float, 3> out(result.data(), p.queries, p.shape.query, p.shape.dim_v);
  const index before = p.keys - p.queries;
  append(machine, cache, p.key().rows(0, before), p.value().rows(0, before), 0);
  for (index i = 0; i < p.queries; i += chunk) {
    const index count = std::min(chunk, p.queries - i);
    append(machine, cache, p.key().rows(before + i, count), p.value().rows(before + i, count), before + i);
    attend<0, 0>(machine, p.query().rows(i, count), cache, out.rows(i, count), mask, score, scratch.data());
  }
  return result;
}

double distance(const std::vector<float>& a, const std::vector<double>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    size += b[i] * b[i];
  }
  return size == 0 ? difference : std::sqrt(difference / size);
}

template <class Number>
problem rounded(problem p) {
  for (auto* all : {&p.k, &p.v})
    for (float& x : *all) x = static_cast<float>(Number(x));
  return p;
}

template <class Mask, class Score>
std::vector<double> expected(const problem& p, const Mask& mask, const Score& score, double* largest = nullptr) {
  std::vector<double> out(static_cast<std::size_t>(p.queries * p.shape.query * p.shape.dim_v));
  reference::attend(p.query(), p.key(), p.value(), view<double, 3>(out.data(), p.queries, p.shape.query, p.shape.dim_v), mask, score, softmax{}, 0, largest);
  return out;
}

constexpr heads shapes[] = {{9, 3, 64, 64}, {4, 4, 128, 128}, {2, 1, 8, 24}, {16, 1, 40, 72}, {2, 2, 192, 128}, {7, 1, 576, 512}, {5, 1, 16, 8}};

template <class Machine>
void parity() {
  const Machine machine;
  unsigned seed = 1;
  for (const heads& shape : shapes)
    for (const index keys : {index{1}, index{15}, index{70}, index{150}}) {
      if (keys == 150 && shape.dim > 128) continue;
      const index queries = seed % 3 == 0 ? 1 : 1 + static_cast<index>(seed * 7919) % keys;
      ++seed;
      const problem p(shape, queries, keys, seed, seed % 4 == 0 ? 8.0f : 1.0f);
      CAPTURE(shape.query); CAPTURE(shape.kv); CAPTURE(shape.dim); CAPTURE(shape.dim_v); CAPTURE(keys); CAPTURE(queries);
      const auto check = [&](const auto& mask, const auto& score) {
        double largest = 0;
        const std::vector<double> want = expected(p, mask, score, &largest);
        CHECK(distance(run<float>(machine, p, mask, score, queries), want) <= 2e-6 * std::max(1.0, largest / 8));
        const problem half = rounded<bf16>(p);
        CHECK(distance(run<bf16>(machine, p, mask, score, queries), expected(half, mask, score)) <= 2e-6 * std::max(1.0, largest / 8));
        CHECK(distance(run<bf16>(machine, p, mask, score, queries), want) <= 2e-2 * std::max(1.0, largest / 8));
      };
      check(causal{}, scaled{});
      if (seed % 2 == 0) check(causal{} & window{.width = 1 + static_cast<int>(keys) / 3}, scaled{.factor = 0.1f});
      if (seed % 2 == 1) check(full{}, scaled{});
      if (seed % 5 == 1) check(causal{} & !window{.width = 3}, scaled{});  // the first rows see nothing
    }
}

template <class Machine, class Number>
void same_bits() {
  const problem p({6, 2, 24, 40}, 180, 1200, 77, 3.0f);
  const auto mask = causal{};
  const std::vector<float> whole = run<Number>(Machine(cpu_options{.threads = 1}), p, mask, scaled{}, p.queries);
  for (const int threads : {1, 2, 4})
    for (const index chunk : {index{180}, index{1}, index{37}}) {
      CAPTURE(threads); CAPTURE(chunk);
      const std::vector<float> again = run<Number>(Machine(cpu_options{.threads = threads}), p, mask, scaled{}, chunk);
      CHECK(std::memcmp(whole.data(), again.data(), whole.size() * sizeof(float)) == 0);
    }
}

}  // namespace


TEST_CASE("cpu_scalar") { parity<cpu_scalar>(); }
TEST_CASE("the best machine") { parity<cpu>(); }
TEST_CASE("a row's bits depend on the row alone") {
  same_bits<cpu, float>();
  same_bits<cpu, bf16>();
  same_bits<cpu_scalar, float>();
}

}  // namespace tenon
