#pragma once
// One query head of linear attention: its rows become features and values, and the sums of the skeleton are taken, with the letters
// that the output or a gradient asks for.

#include <tenon/core/memory.hpp>
#include <tenon/kernels/launch/attention_backward.hpp>
#include <tenon/kernels/skeletons/linear_attention.hpp>
#include <tenon/policies/linear.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

template <class Features>
concept learned_features = requires(const Features& f) { f.learning(); };

template <class Machine, class Mask, class Features>
struct linear_call {
  using words = typename Machine::atoms::linear_attention;
  using growing = typename Machine::atoms::growing_chunk;
  heads shape;
  int queries, keys;
  const Mask& mask;
  const Features& features;

  int count() const { return static_cast<int>(words::padded(features.count(shape.dim))); }
  int width() const { return static_cast<int>(words::padded(shape.dim_v + 1)); }
  index_t most() const { return count() > width() ? count() : width(); }
  index_t longest() const { return queries > keys ? queries : keys; }

  /// Room of one thread: a tile, a state, arrays of rows, one row.
  struct place {
    float *tile, *state, *a, *b, *c, *out, *g, *reversed[3], *one;
  };
  std::size_t floats() const {
    return round_up(static_cast<std::size_t>(words::floats(most(), most()) + words::state_floats(most(), most()) + 8 * longest() * most() + most()), 16);
  }
  place at(float* memory) const {
    place p{};
    const auto take = [&](index_t of) {
      float* here = memory;
      memory += of;
      return here;
    };
    p.tile = take(words::floats(most(), most())), p.state = take(words::state_floats(most(), most()));
    for (float** each : {&p.a, &p.b, &p.c, &p.out, &p.g, &p.reversed[0], &p.reversed[1], &p.reversed[2]}) *each = take(longest() * most());
    p.one = take(most());
    return p;
  }

  /// a = phi(q), b = phi(k), c = [v, 1]; 0 for keys that the mask hides from all.
  void fill(const place& p, const readable<3>& q, const readable<3>& k, const readable<3>& v, int head, int batch, int first_key) const {
    const int kv = head / (shape.query / shape.kv), own = features.count(shape.dim);
    float room[576];
    for (int i = 0; i < queries; ++i) {
      float* to = p.a + index_t(i) * count();
      features.map(as_floats(q.row(i, head), q.kind, room, shape.dim), shape.dim, at(first_key + keys - queries + i, head, batch), side::query, to);
      for (int n = own; n < count(); ++n) to[n] = 0;
    }
    for (int j = 0; j < keys; ++j) {
      float *b = p.b + index_t(j) * count(), *c = p.c + index_t(j) * width();
      const position stands = at(first_key + j, head, batch);
      const bool kept = mask.keep(stands);  // causal keeps a position for itself
      features.map(as_floats(k.row(j, kv), k.kind, room, shape.dim), shape.dim, stands, side::key, b);
      for (int n = kept ? own : 0; n < count(); ++n) b[n] = 0;
      const float* value = as_floats(v.row(j, kv), v.kind, room, shape.dim_v);
      for (int n = 0; n < width(); ++n) c[n] = !kept || n > shape.dim_v ? 0.0f : n < shape.dim_v ? value[n] : 1.0f;
    }
  }
  /// p.out = sums of c, the denominator behind them. `state`: where to continue, or null.
  void forward(const place& p, bool causal, float* state) const { scan(p, {p.a, p.b, p.c, p.out}, count(), width(), {queries, keys, keys - queries, causal}, state); }
  /// The same for the tokens of `fill` as the next of a sequence, `at` rows into its last chunk. state: growing::state_floats.
  void grow(const place& p, int at, float* state) const {
    const growing m(p.tile, state, count(), width());
    linear_attention_grow(m, typename growing::source{p.a, p.b, p.c, p.out}, at, queries);
  }

  void store(const place& p, const writable<3>& out, int head) const {
    for (int i = 0; i < queries; ++i) {
      float* sums = p.out + index_t(i) * width();
      const float by = reciprocal(sums[shape.dim_v]);
      for (int c = 0; c < shape.dim_v; ++c) sums[c] = by == 0 ? 0.0f : sums[c] * by;
      write_row(sums, out.kind, out.row(i, head), shape.dim_v);
    }
  }

  /// Adds this head's gradients to dq, dk and dv, [row][dim] of its kv head. After fill.
  void backward(const place& p, const readable<3>& q, const readable<3>& k, const readable<3>& d_out, int head, int batch, bool causal, float* dq, float* dk, float* dv) const {
    forward(p, causal, nullptr);
    float room[576];
    for (int i = 0; i < queries; ++i) {  // g = [d_out, -out . d_out] / denominator
      const float *sums = p.out + index_t(i) * width(), *from = as_floats(d_out.row(i, head), d_out.kind, room, shape.dim_v), by = reciprocal(sums[shape.dim_v]);
      float *g = p.g + index_t(i) * width(), agreement = 0;
      for (int c = 0; c < shape.dim_v && by != 0; ++c) agreement += from[c] * sums[c] * by;
      for (int c = 0; c < width(); ++c) g[c] = by == 0 || c > shape.dim_v ? 0.0f : (c < shape.dim_v ? from[c] : -agreement) * by;
    }
    const int kv = head / (shape.query / shape.kv), first = keys - queries;
    const auto pull = [&](const readable<3>& x, int row, int of, int stands, side which, const float* d, float* to) {
      for (int n = 0; n < features.count(shape.dim); ++n) p.one[n] = d[n];
      features.pull(as_floats(x.row(row, of), x.kind, room, shape.dim), shape.dim, at(stands, head, batch), which, p.one, to);
    };
    scan(p, {p.g, p.c, p.b, p.out}, width(), count(), {queries, keys, first, causal}, nullptr);
    for (int i = 0; i < queries; ++i) {
      const float* d = p.out + index_t(i) * count();
      if constexpr (learned_features<Features>)
        if (features.learning()) features.learn(as_floats(q.row(i, head), q.kind, room, shape.dim), shape.dim, at(first + i, head, batch), d, p.one);
      pull(q, i, head, first + i, side::query, d, dq + index_t(i) * shape.dim);
    }

    // What keys hear of came after them: the same sums, from the last token to the first.
    const scan_extent extent{keys, queries, 0, causal};
    float *const a = p.reversed[0], *const g = p.reversed[1], *const own = p.reversed[2];
    reverse(p.a, a, queries, count()), reverse(p.g, g, queries, width()), reverse(p.c, own, keys, width());
    scan(p, {own, g, a, p.out}, width(), count(), extent, nullptr);
    for (int j = 0; j < keys; ++j)
      if (mask.keep(at(j, head, batch))) pull(k, j, kv, j, side::key, p.out + index_t(keys - 1 - j) * count(), dk + index_t(j) * shape.dim);
    reverse(p.b, own, keys, count());
    scan(p, {own, a, g, p.out}, count(), width(), extent, nullptr);
    for (int j = 0; j < keys; ++j)
      for (int c = 0; c < shape.dim_v && mask.keep(at(j, head, batch)); ++c) dv[index_t(j) * shape.dim_v + c] += p.out[index_t(keys - 1 - j) * width() + c];
  }

 private:
  static position at(int stands, int head, int batch) { return {.query = stands, .key = stands, .head = head, .batch = batch}; }
  // NaN of what is not finite: a 0 is a query that sees nothing.
  static float reciprocal(float denominator) { return denominator == 0 ? 0.0f : 1 / denominator + (denominator - denominator); }
  static void reverse(const float* from, float* to, int rows, int width) {
    for (int i = 0; i < rows; ++i) __builtin_memcpy(to + index_t(i) * width, from + index_t(rows - 1 - i) * width, static_cast<std::size_t>(width) * sizeof(float));
  }
  void scan(const place& p, const typename words::source& in, int feature_count, int value_width, const scan_extent& extent, float* state) const {
    const words m(p.tile, state == nullptr ? p.state : state, feature_count, value_width);
    if (state == nullptr) m.clear_state();
    linear_attention(m, in, extent);
  }
};

}  // namespace kernel_detail
TENON_KERNELS_END
