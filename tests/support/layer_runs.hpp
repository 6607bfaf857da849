#pragma once
// A layer with random weights, run over random tokens in blocks; and the pieces of its oracle, in double.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <tenon/core/memory.hpp>
#include <tenon/kernels/reference/attention.hpp>
#include <tenon/model/layer.hpp>

#include "layer_spec.hpp"

namespace tenon_test {

using tenon::index_t, tenon::view;
using doubles = std::vector<double>;

inline std::vector<float> random_floats(index_t count, unsigned seed, float spread = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& x : out) x = normal(random);
  return out;
}

/// What forward(first, count) gives for `tokens` tokens in blocks of `sizes`, again and again, one behind the other.
template <class Forward>
std::vector<float> in_blocks(index_t tokens, const std::vector<index_t>& sizes, const Forward& forward) {
  std::vector<float> out;
  for (index_t first = 0, i = 0; first < tokens; ++i) {
    const index_t count = std::min(sizes[static_cast<std::size_t>(i) % sizes.size()], tokens - first);
    const std::vector<float> part = forward(first, count);
    out.insert(out.end(), part.begin(), part.end());
    first += count;
  }
  return out;
}

/// Random weights of a layer: matrices about as great as keeps a row's size, vectors of 0.5.
template <class Layer>
class layer_weights {
 public:
  explicit layer_weights(unsigned seed) : seed_(seed) { Layer::each_parameter(packed_, *this); }
  layer_weights(const layer_weights&) = delete;

  typename Layer::weights& packed() { return packed_; }
  const std::map<std::string, std::vector<float>>& all() const { return values_; }
  const std::vector<float>& operator[](const std::string& name) const { return values_.at(name); }
  std::vector<float>& at(const std::string& name) { return values_.at(name); }
  /// After a change of `at(name)`.
  void pack_again() { packed_ = {}, keeping_ = true, Layer::each_parameter(packed_, *this); }

  void operator()(tenon::vector_parameter& v, const std::string& name, index_t size) { v.data = make(name, size, 0.5f).data(); }
  void operator()(tenon::matrix_parameter& m, const std::string& name, index_t rows, index_t depth) {
    const std::vector<float>& all = make(name, rows * depth, 1.5f / std::sqrt(static_cast<float>(depth)));
    const tenon::cpu machine;
    const tenon::stored_matrix stored{.kind = tenon::storage::f32, .rows = rows, .columns = depth, .bytes = reinterpret_cast<const std::byte*>(all.data())};
    memory_.emplace_back(tenon::packed_bytes(machine, stored.kind, tenon::compute::fp32, rows, depth));
    m = tenon::pack(machine, stored, tenon::compute::fp32, memory_.back().data());
  }

 private:
  std::vector<float>& make(const std::string& name, index_t count, float spread) {
    if (!keeping_) values_[name] = random_floats(count, ++seed_, spread);
    return values_.at(name);
  }
  unsigned seed_;
  bool keeping_ = false;
  typename Layer::weights packed_{};
  std::map<std::string, std::vector<float>> values_;
  std::deque<tenon::buffer> memory_;
};

/// One sequence over a layer.
template <class Layer, class Machine = tenon::cpu>
class layer_run {
 public:
  using state_type = typename Layer::template state<Machine>;
  explicit layer_run(typename Layer::weights& w, index_t capacity, Machine machine = {})
      : machine_(machine), weights_(w), memory_(Layer::state_bytes(machine_, capacity)), state_(Layer::open_state(machine_, memory_.data(), capacity)),
        arena_(static_cast<std::size_t>(Layer::activations.size()) * sizeof(float)), scratch_(Layer::scratch_bytes(machine_, capacity)) {
    std::memset(arena_.data(), 0xff, arena_.size());  // NaN everywhere: nothing may be read before it is written
    std::memset(scratch_.data(), 0xff, scratch_.size());
  }
  state_type& state() { return state_; }
  tenon::pass<Machine> now(index_t first, index_t tokens) { return {machine_, first, tokens, reinterpret_cast<float*>(arena_.data()), scratch_.data()}; }

  /// What the layer adds to a stream of zeros, for tokens [first, first + count) of in [token, width].
  std::vector<float> forward(const std::vector<float>& in, index_t width, index_t first, index_t count) {
    std::vector<float> out(static_cast<std::size_t>(count * width));
    Layer::forward(now(first, count), weights_, state_, view<const float, 2>(in.data() + first * width, count, width), view<float, 2>(out.data(), count, width));
    return out;
  }
  /// All tokens, in blocks of `sizes`, again and again.
  std::vector<float> forward(const std::vector<float>& in, index_t width, std::vector<index_t> sizes) {
    return in_blocks(static_cast<index_t>(in.size()) / width, sizes, [&](index_t first, index_t count) { return forward(in, width, first, count); });
  }

 private:
  Machine machine_;
  typename Layer::weights& weights_;
  tenon::buffer memory_;
  state_type state_;
  tenon::buffer arena_, scratch_;
};

/// x w^T + bias: x [token, depth], w [row, depth].
template <class Numbers>
doubles dense(const doubles& x, index_t depth, const Numbers& w, const Numbers& bias = {}) {
  const index_t tokens = static_cast<index_t>(x.size()) / depth, rows = static_cast<index_t>(w.size()) / depth;
  doubles out(static_cast<std::size_t>(tokens * rows));
  for (index_t t = 0; t < tokens; ++t)
    for (index_t r = 0; r < rows; ++r) {
      double sum = bias.empty() ? 0 : static_cast<double>(bias[static_cast<std::size_t>(r)]);
      for (index_t d = 0; d < depth; ++d) sum += x[static_cast<std::size_t>(t * depth + d)] * static_cast<double>(w[static_cast<std::size_t>(r * depth + d)]);
      out[static_cast<std::size_t>(t * rows + r)] = sum;
    }
  return out;
}
inline double logistic_of(double x) { return 1 / (1 + std::exp(-x)); }
inline double silu_of(double x) { return x * logistic_of(x); }

/// Rotation in halves of x [token, head, dim], token t by `position_of(t)`.
template <class F>
void turn(doubles& x, index_t dim, index_t head_count, double theta, const F& position_of) {
  for (std::size_t row = 0; row < x.size() / static_cast<std::size_t>(dim); ++row)
    for (index_t i = 0; i < dim / 2; ++i) {
      const double angle = static_cast<double>(position_of(static_cast<index_t>(row) / head_count)) * std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
      double &a = x[row * static_cast<std::size_t>(dim) + static_cast<std::size_t>(i)], &b = x[row * static_cast<std::size_t>(dim) + static_cast<std::size_t>(i + dim / 2)];
      const double turned = a * std::cos(angle) - b * std::sin(angle);
      b = a * std::sin(angle) + b * std::cos(angle);
      a = turned;
    }
}
inline void turn(doubles& x, index_t dim, index_t head_count, double theta) {
  turn(x, dim, head_count, theta, [](index_t t) { return t; });
}

/// q, k, v of the tests' shape in double, turned unless `turn` is false.
struct qkv {
  doubles q, k, v;
  index_t tokens;
  tenon::attention_spec spec;
  template <class Weights>
  qkv(const doubles& x, const Weights& w, const tenon::attention_spec& s, index_t width, double theta, const char* prefix = "attn")
      : q(dense(x, width, w[std::string(prefix) + "_q.weight"])), k(dense(x, width, w[std::string(prefix) + "_k.weight"])),
        v(dense(x, width, w[std::string(prefix) + "_v.weight"])), tokens(static_cast<index_t>(x.size()) / width), spec(s) {
    if (theta > 0) {
      turn(q, s.head_dim, s.query_heads, theta);
      turn(k, s.head_dim, s.kv_heads, theta);
    }
  }
  view<const double, 3> query() const { return {q.data(), tokens, spec.query_heads, spec.head_dim}; }
  view<const double, 3> key() const { return {k.data(), tokens, spec.kv_heads, spec.head_dim}; }
  view<const double, 3> value() const { return {v.data(), tokens, spec.kv_heads, spec.head_dim}; }
  /// [token, head x dim].
  template <class Mask, class Score = tenon::scaled, class Weighting = tenon::softmax>
  doubles attend(const Mask& mask, const Score& score = {}, const Weighting& weighting = {}) const {
    doubles out(q.size());
    tenon::reference::attend(query(), key(), value(), view<double, 3>(out.data(), tokens, spec.query_heads, spec.head_dim), mask, score, weighting);
    return out;
  }
};

/// |a - b| / |b|, or |a| where b is 0.
inline double apart(const std::vector<float>& a, const doubles& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = static_cast<double>(a.at(i)) - b[i];
    difference += d * d, size += b[i] * b[i];
  }
  return a.size() != b.size() ? INFINITY : std::sqrt(size == 0 ? difference : difference / size);
}

}  // namespace tenon_test
