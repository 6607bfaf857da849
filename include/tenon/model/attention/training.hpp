#pragma once
// What the attention layers share in training: the forward pass that keeps what the backward pass needs, and the gradients of the
// products and of attention. A sequence is trained on in one pass of any length, from position 0: nothing older stands in a cache.

#include <vector>

#include <tenon/kernels/launch/linear_attention.hpp>
#include <tenon/kernels/launch/matmul_backward.hpp>
#include <tenon/kernels/launch/rotary_backward.hpp>
#include <tenon/model/attention/projections.hpp>

namespace tenon {

/// [token, width] of a vector.
inline view<float, 2> rows_of(std::vector<float>& x, index_t width) { return {x.data(), static_cast<index_t>(x.size()) / width, width}; }
inline view<const float, 2> rows_of(const std::vector<float>& x, index_t width) { return {x.data(), static_cast<index_t>(x.size()) / width, width}; }

/// Zeros for the gradient of a matrix or vector.
inline std::vector<float> zeros(index_t count) { return std::vector<float>(static_cast<std::size_t>(count)); }

/// The numbers of a view, dense.
inline std::vector<float> copied(view<const float, 2> x) {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(x.size()));
  for (index_t t = 0; t < x.extent[0]; ++t) out.insert(out.end(), &x(t, 0), &x(t, 0) + x.extent[1]);
  return out;
}

/// Calls f(pass, done) for the blocks of `tokens` tokens, `done` of them before: what the arena and the scratch of a pass hold.
template <class Machine, class F>
void in_blocks(const pass<Machine>& now, index_t tokens, const F& f) {
  for (index_t done = 0; done < tokens; done += block_tokens)
    f(pass<Machine>{now.machine, now.first + done, tokens - done < block_tokens ? tokens - done : block_tokens, now.activations, now.scratch}, done);
}
/// out (+)= in w^T + bias for any number of tokens.
template <form_set Forms, class Machine>
void multiply_in_blocks(const pass<Machine>& now, view<const float, 2> in, const matrix_parameter& w, view<float, 2> out, const float* bias = nullptr, finish how = finish::store) {
  in_blocks(now, in.extent[0], [&](const pass<Machine>& block, index_t done) {
    const product one[] = {{.weights = w, .out = out.rows(done, block.tokens), .bias = bias, .how = how}};
    matmul<Forms>(now.machine, in.rows(done, block.tokens), one, now.scratch);
  });
}
/// The same as a vector.
template <form_set Forms, class Machine>
std::vector<float> product_of(const pass<Machine>& now, view<const float, 2> in, const matrix_parameter& w, const float* bias = nullptr) {
  std::vector<float> out = zeros(in.extent[0] * w.rows);
  multiply_in_blocks<Forms>(now, in, w, rows_of(out, w.rows), bias);
  return out;
}

/// Adds the gradients of out = in w^T + bias to d_in (null: nobody asks), d_weights [row, depth] and d_bias.
template <class Machine>
void product_backward(const pass<Machine>& now, view<const float, 2> in, const matrix_parameter& w, view<const float, 2> d_out, view<float, 2> d_in,
                      std::vector<float>& d_weights, float* d_bias = nullptr) {
  matmul_backward(now.machine, in, w, d_out, {.x = d_in, .weights = rows_of(d_weights, w.depth), .bias = d_bias});
}

/// For the projections `Parts` of a layer.
template <class Parts>
struct attention_training {
  using parts = typename Parts::parts;
  static constexpr attention_spec spec = Parts::spec;
  static constexpr index_t width = Parts::width;

  /// A forward pass: the layer's input, q and k turned, v, the result of attention before any gate, its log-sum-exps.
  struct saved {
    std::vector<float> in, query, key, value, mixed, sums;
    index_t tokens() const { return static_cast<index_t>(in.size()) / width; }
  };
  /// Of the parameters, shaped as these, rows by depth. They begin as zeros and are added to.
  struct gradients {
    std::vector<float> query = zeros(Parts::query_width * width), key = zeros(Parts::kv_width * Parts::context_width), value = key,
                       output = zeros(Parts::query_width * width);
    std::vector<float> query_bias = zeros(Parts::query_width), key_bias = zeros(Parts::kv_width), value_bias = zeros(Parts::kv_width);
  };

  /// Keeps `in`, and projects it to q, k and v, not turned.
  template <class Machine>
  static parts project(const pass<Machine>& now, const typename Parts::weights& w, saved& kept, view<const float, 2> in) {
    if (now.first != 0) throw error("[first] is ", now.first, ": training takes a sequence in one pass, from 0. Fix: one pass of all its tokens.");
    keep_input(kept, in);
    kept.key = kept.value = zeros(now.tokens * Parts::kv_width);
    const parts x = heads_of(kept);
    in_blocks(now, now.tokens, [&](const pass<Machine>& block, index_t done) {
      const auto own = [&](view<float, 3> all) { return all.rows(done, block.tokens); };
      Parts::project(block, w, in.rows(done, block.tokens), {own(x.query), own(x.key), own(x.value), own(x.mixed)});
    });
    return x;
  }
  /// stream += Wo mixed.
  template <class Machine>
  static void finish(const pass<Machine>& now, const typename Parts::weights& w, const std::vector<float>& mixed, view<float, 2> stream) {
    multiply_in_blocks<Parts::forms>(now, rows_of(mixed, Parts::query_width), w.output, stream, nullptr, tenon::finish::add);
  }
  /// Keeps `in`, with room for its queries and their results.
  static void keep_input(saved& kept, view<const float, 2> in) {
    kept.in = copied(in);
    kept.query = kept.mixed = zeros(in.extent[0] * Parts::query_width);
    kept.sums = zeros(in.extent[0] * spec.query_heads);
  }
  static parts heads_of(saved& kept) {
    const auto by_head = [&](std::vector<float>& x, index_t count) { return view<float, 3>(x.data(), static_cast<index_t>(x.size()) / (count * spec.head_dim), count, spec.head_dim); };
    return {by_head(kept.query, spec.query_heads), by_head(kept.key, spec.kv_heads), by_head(kept.value, spec.kv_heads), by_head(kept.mixed, spec.query_heads)};
  }

  /// Attention of the kept queries to `k` and `v` [key, kv_head, dim], which are kept.key and kept.value or some of their rows.
  template <class Machine, class Mask, class Score, class Weighting = softmax>
  static void attend(const pass<Machine>& now, saved& kept, view<const float, 3> k, view<const float, 3> v, const Mask& mask, const Score& score, const Weighting& weighting = {}) {
    const parts x = heads_of(kept);
    const view<float, 3> sums(kept.sums.data(), 1, kept.tokens(), spec.query_heads);
    tenon::attend(now.machine, one<const float>(x.query), one(k), one(v), one(x.mixed), mask, score, weighting, fixed_split{}, sums);
  }
  /// From the gradient of kept.mixed to those of q, k and v, which are written.
  template <class Machine, class Mask, class Score, class Weighting = softmax>
  static void attend_backward(const pass<Machine>& now, const saved& kept, view<const float, 3> k, view<const float, 3> v, const std::vector<float>& d_mixed,
                              view<float, 3> d_query, view<float, 3> d_key, view<float, 3> d_value, const Mask& mask, const Score& score, const Weighting& weighting = {}) {
    const index_t tokens = kept.tokens();
    const auto rows = [&](const std::vector<float>& x) { return view<const float, 4>(x.data(), 1, tokens, spec.query_heads, spec.head_dim); };
    const attention_pass forward{.q = rows(kept.query), .k = one(k), .v = one(v), .out = rows(kept.mixed),
                                 .log_sum_exp = view<const float, 3>(kept.sums.data(), 1, tokens, spec.query_heads), .d_out = rows(d_mixed)};
    tenon::attend_backward(now.machine, forward, attention_gradients{.q = one(d_query), .k = one(d_key), .v = one(d_value)}, mask, score, weighting);
  }

  /// From the gradient of the layer's result to that of what its output product took, `mixed`; adds to the product's own.
  template <class Machine>
  static std::vector<float> output_backward(const pass<Machine>& now, const typename Parts::weights& w, const std::vector<float>& mixed, view<const float, 2> d_out, gradients& to) {
    std::vector<float> d_mixed = zeros(static_cast<index_t>(mixed.size()));
    product_backward(now, rows_of(mixed, Parts::query_width), w.output, d_out, rows_of(d_mixed, Parts::query_width), to.output);
    return d_mixed;
  }
  /// From the gradients of q and k before their rotation and of v to that of the layer's input, and of the products.
  template <class Machine>
  static void project_backward(const pass<Machine>& now, const typename Parts::weights& w, const saved& kept, const saved& d, view<float, 2> in_gradient, gradients& to) {
    const view<const float, 2> in = rows_of(kept.in, width);
    product_backward(now, in, w.query, rows_of(d.query, Parts::query_width), in_gradient, to.query, to.query_bias.data());
    product_backward(now, in, w.key, rows_of(d.key, Parts::kv_width), in_gradient, to.key, to.key_bias.data());
    product_backward(now, in, w.value, rows_of(d.value, Parts::kv_width), in_gradient, to.value, to.value_bias.data());
  }
  /// The gradients of q and k as turned become those of q and k as projected.
  template <class Machine, class Position>
  static void turn_backward(const pass<Machine>& now, const Position& position, const parts& d) {
    rotate_backward(now.machine, position, d.query, now.first);
    rotate_backward(now.machine, position, d.key, now.first);
  }
  /// Zeros for the gradients of q, k and v, in the members of the same names.
  static saved zeros_like(const saved& kept) {
    const auto as = [](const std::vector<float>& x) { return zeros(static_cast<index_t>(x.size())); };
    return {.in = {}, .query = as(kept.query), .key = as(kept.key), .value = as(kept.value), .mixed = {}, .sums = {}};
  }

 private:
  // A batch of one.
  template <class T>
  static view<T, 4> one(view<T, 3> x) {
    return {x.data, 1, x.extent[0], x.extent[1], x.extent[2]};
  }
};

}  // namespace tenon
