#pragma once
// Random problems of attention, run through a cache in chunks and compared with the reference in double.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/reference/attention.hpp>

namespace tenon::testing {

/// Queries, keys and values of one sequence; the queries are its last positions.
struct attention_problem {
  heads shape;
  index_t queries, keys;
  std::vector<float> q, k, v;

  attention_problem(heads s, index_t query_count, index_t key_count, unsigned seed, float spread = 1) : shape(s), queries(query_count), keys(key_count) {
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
  std::size_t outputs() const { return static_cast<std::size_t>(queries * shape.query * shape.dim_v); }

  /// The same with keys and values as a cache of `Number` holds them.
  template <class Number>
  attention_problem rounded() const {
    attention_problem out = *this;
    for (auto* all : {&out.k, &out.v})
      for (float& x : *all) x = static_cast<float>(Number(x));
    return out;
  }
};

/// The queries in chunks of `chunk` through a cache of `Number` that grows as they come.
template <class Number, class Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
std::vector<float> attend_in_chunks(const Machine& machine, const attention_problem& p, index_t chunk, const Mask& mask, const Score& score = {},
                                    const Weighting& weighting = {}, const Reduction& reduction = {}, int batch = 0) {
  const index_t before = p.keys - p.queries, slack = 5;  // what lies beyond the last key must not matter
  const buffer memory(cache_bytes<Number>(machine, p.shape, p.keys + slack));
  std::memset(memory.data(), 0xff, memory.size());
  const buffer scratch(attention_scratch(machine, p.shape, chunk, p.keys + slack, reduction));
  std::memset(scratch.data(), 0xff, scratch.size());
  cache_view<Number> cache{.data = memory.data(), .shape = p.shape, .capacity = p.keys + slack};
  std::vector<float> result(p.outputs());
  const view<float, 3> out(result.data(), p.queries, p.shape.query, p.shape.dim_v);
  append(machine, cache, p.key().rows(0, before), p.value().rows(0, before), 0);
  for (index_t i = 0; i < p.queries; i += chunk) {
    const index_t count = std::min(chunk, p.queries - i);
    append(machine, cache, p.key().rows(before + i, count), p.value().rows(before + i, count), before + i);
    attend<0, 0>(machine, p.query().rows(i, count), cache, out.rows(i, count), mask, score, scratch.data(), weighting, reduction, {}, batch);
  }
  return result;
}

template <class Mask, class Score = scaled, class Weighting = softmax>
std::vector<double> reference_attend(const attention_problem& p, const Mask& mask, const Score& score = {}, const Weighting& weighting = {},
                                     double* largest = nullptr, int batch = 0) {
  std::vector<double> out(p.outputs());
  reference::attend(p.query(), p.key(), p.value(), view<double, 3>(out.data(), p.queries, p.shape.query, p.shape.dim_v), mask, score, weighting, batch, largest);
  return out;
}

/// |a - b| / |b|, or |a| where b is 0; NaN where either has one.
inline double distance(const std::vector<float>& a, const std::vector<double>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(size == 0 ? difference : difference / size);
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The bound of relative L2 with a cache of `Number`, whose own rounding does not count: fp32's, or bf16's where the machine
/// multiplies pairs of bf16, which rounds q and the weights.
template <class Number, class Machine>
double bound_of(const Machine&) {
  return Machine::atoms::attention::template numbers<Number>()->pairs ? 5e-3 : 2e-6;
}

/// Checks one problem in fp32 and with a cache of `Narrow` against the reference, in the bounds of this library.
template <class Narrow = bf16, class Machine, class Mask, class Score = scaled, class Weighting = softmax>
void check_attention(const Machine& machine, const attention_problem& p, index_t chunk, const Mask& mask, const Score& score = {}, const Weighting& weighting = {}) {
  CAPTURE(p.shape.query);
  CAPTURE(p.shape.kv);
  CAPTURE(p.shape.dim);
  CAPTURE(p.shape.dim_v);
  CAPTURE(p.queries);
  CAPTURE(p.keys);
  CAPTURE(chunk);
  double largest = 0;
  const std::vector<double> want = reference_attend(p, mask, score, weighting, &largest);
  const double bound = std::max(1.0, largest / 8);
  CHECK(distance(attend_in_chunks<float>(machine, p, chunk, mask, score, weighting), want) <= 2e-6 * bound);
  const std::vector<float> narrow = attend_in_chunks<Narrow>(machine, p, chunk, mask, score, weighting);
  CHECK(distance(narrow, reference_attend(p.rounded<Narrow>(), mask, score, weighting)) <= bound_of<Narrow>(machine) * bound);
}

/// A few shapes that between them have ragged edges, many tiles, groups of 1 to 16, one key, one query, and dims from 8 to 576.
inline attention_problem random_problem(std::mt19937& random) {
  const auto among = [&](auto... options) {
    const int all[] = {options...};
    return all[random() % sizeof...(options)];
  };
  const int group = among(1, 1, 2, 3, 4, 7, 16), kv = group > 4 ? 1 : among(1, 2, 3);
  const int dim = among(8, 16, 24, 64, 64, 72, 128, 192, 576), dim_v = dim > 128 ? among(128, 512) : random() % 3 != 0 ? dim : among(8, 40, 64, 96);
  const int keys = dim > 128 ? among(1, 20, 50) : among(1, 2, 17, 60, 127, 129, 200, 260);
  const int queries = random() % 4 == 0 ? 1 : 1 + static_cast<int>(random() % static_cast<unsigned>(std::min(keys, 600 / group)));
  return attention_problem({group * kv, kv, dim, dim_v}, queries, keys, static_cast<unsigned>(random()), random() % 4 == 0 ? 6.0f : 1.0f);
}

}  // namespace tenon::testing
