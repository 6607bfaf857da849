#pragma once
// The words of linear attention on a processor, over dense products (dense_products.hpp): a chunk of 64 rows,
// features in blocks of 128, which take the part of keys in those products.

#include <tenon/kernels/atoms/cpu/attention_backward.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Leaf>
struct linear_attention_words {
  using products = dense_products<Leaf>;
  using packing = attention_backward_words<Leaf>;
  static constexpr int chunk = 64, group_rows = products::group_rows, block = products::block_keys;

  int features, width;  ///< padded to 16
  float *state, *out, *scores, *panels, *key_panels, *rows, *key_rows, *values;

  static index_t padded(index_t count) { return (count + 15) / 16 * 16; }
  static index_t blocks(index_t count) { return (padded(count) + block - 1) / block; }
  /// Floats of a state: [feature][width].
  static index_t state_floats(index_t feature_count, index_t width) { return blocks(feature_count) * block * padded(width); }
  /// Floats of one thread's tile, the state apart.
  static index_t floats(index_t feature_count, index_t width) {
    return chunk * (2 * padded(feature_count) + 2 * blocks(feature_count) * block + 2 * padded(width) + block);
  }
  linear_attention_words(float* memory, float* held_state, int feature_count, int value_width)
      : features(static_cast<int>(padded(feature_count))), width(static_cast<int>(padded(value_width))), state(held_state) {
    const index_t spread = blocks(feature_count) * block;
    out = memory, values = out + chunk * width, scores = values + chunk * width, panels = scores + chunk * block;
    key_panels = panels + chunk * features, rows = key_panels + chunk * features, key_rows = rows + chunk * spread;
  }

  /// a, b [token][features padded], c and out [token][width padded].
  struct source {
    const float *a, *b, *c;
    float* out;
  };

  void clear_state() const {
    for (index_t i = 0; i < state_floats(features, width); i += Leaf::lanes) Leaf::store(state + i, Leaf::fill(0));
  }
  void take_queries(const source& in, int q0, int q1) const { take(in.a, q0, q1, panels, rows); }
  void take_keys(const source& in, int k0, int k1) const {
    take(in.b, k0, k1, key_panels, key_rows);
    __builtin_memcpy(values, in.c + index_t(k0) * width, static_cast<std::size_t>((k1 - k0) * width) * sizeof(float));
  }

  /// out = a S.
  void recall(int q0, int q1) const {
    for (int i = 0; i < chunk * width; i += Leaf::lanes) Leaf::store(out + i, Leaf::fill(0));
    for (int f = 0; f < features; f += block)
      for (int r = 0; r < q1 - q0; r += group_rows)
        for (int c = 0; c < width; c += products::strip)
          products::weigh(out + index_t(r) * width + c, rows + index_t(f) * chunk + r * block, state + index_t(f) * width + c, width, products::columns(width, c), 0, features - f < block ? features - f : block);
  }
  /// out += (a b^T) c over keys at or before each query, which stands at position first + its row.
  void attend(const source&, int q0, int q1, int k0, int k1, int first) const {
    bool finite = true;
    for (int i = 0; i < (k1 - k0) * width; ++i) finite &= __builtin_isfinite(values[i]) != 0;
    for (int r = 0; r < q1 - q0; r += group_rows) {
      const int count = count_of(r, q1 - q0);
      float* s = scores + r * block;
      products::scores(s, panels + index_t(r) * features, key_panels, features, 0, static_cast<int>(padded(k1 - k0)), 1.0f, features);
      for (int i = 0; i < group_rows; ++i)
        for (int j = 0; j < chunk; ++j) s[i * block + j] = i < count && k0 + j <= first + q0 + r + i && k0 + j < k1 ? s[i * block + j] : 0.0f;
      if (finite)
        for (int c = 0; c < width; c += products::strip) products::weigh(out + index_t(r) * width + c, s, values + c, width, products::columns(width, c), 0, k1 - k0);
      for (int i = 0; i < count && !finite; ++i)  // no weight of zero may touch what is not finite: only keys that are seen
        for (int j = k0; j < k1 && j <= first + q0 + r + i; ++j)
          for (int c = 0; c < width; ++c) out[index_t(r + i) * width + c] += s[i * block + j - k0] * values[index_t(j - k0) * width + c];
    }
  }
  void store(const source& in, int q0, int q1) const { __builtin_memcpy(in.out + index_t(q0) * width, out, static_cast<std::size_t>((q1 - q0) * width) * sizeof(float)); }

  /// S += b^T c.
  void absorb(int k0, int k1) const {
    for (int f = 0; f < features; f += products::panel)
      for (int c = 0; c < width; c += products::strip)
        products::spread(state + index_t(f) * width + c, key_rows + index_t(f / block) * chunk * block + f % block, values + c, width, products::columns(width, c), 0, k1 - k0);
  }

 private:
  TENON_INLINE static int count_of(int row, int rows) { return rows - row < group_rows ? rows - row : group_rows; }
  // Rows as panels [group][features][16] and as [feature block][row][128].
  void take(const float* from, int first, int last, float* to_panels, float* to_rows) const {
    for (int r = 0; r < last - first; r += group_rows) {
      const float* each[group_rows];
      for (int i = 0; i < group_rows; ++i) each[i] = first + r + i < last ? from + index_t(first + r + i) * features : nullptr;
      packing::template pack<word::floats>(each, 1.0f, features, to_panels + index_t(r) * features);
      for (int i = 0; i < group_rows; ++i)
        for (int f = 0; f < features; f += 16)
          for (int n = 0; n < 16; ++n) to_rows[index_t(f / block) * chunk * block + (r + i) * block + f % block + n] = each[i] == nullptr ? 0.0f : each[i][f + n];
    }
  }
};

/// The words of a sequence that is continued by a few tokens at a time: its last chunk grows until it is whole. Every number is the chain of fma
/// that linear_attention_words take, whichever rows come together.
template <class Leaf>
struct growing_chunk_words {
  using products = dense_products<Leaf>;
  using whole = linear_attention_words<Leaf>;
  static constexpr int chunk = whole::chunk;

  int features, width;    ///< padded to 16
  float *state, *b, *c;   ///< S [feature][width]; of the chunk: b^T [feature][chunk], c [chunk][width]
  float* scores;          ///< tile: [row][chunk]

  /// Floats of what a sequence remembers: S, then the chunk.
  static index_t state_floats(index_t feature_count, index_t width) { return whole::state_floats(feature_count, width) + chunk * (whole::padded(feature_count) + whole::padded(width)); }
  growing_chunk_words(float* memory, float* held, int feature_count, int value_width)
      : features(static_cast<int>(whole::padded(feature_count))), width(static_cast<int>(whole::padded(value_width))), state(held), b(held + whole::state_floats(features, width)),
        c(b + chunk * features), scores(memory) {}

  /// a, b [token][features padded], c and out [token][width padded]: of the tokens that come.
  using source = typename whole::source;

  /// Row `at` of the chunk and those behind it.
  void take_keys(const source& in, int at, int count) const {
    for (int f = 0; f < features; ++f)
      for (int j = 0; j < count; ++j) b[index_t(f) * chunk + at + j] = in.b[index_t(j) * features + f];
    __builtin_memcpy(c + index_t(at) * width, in.c, static_cast<std::size_t>(count * width) * sizeof(float));
  }
  /// out = a S.
  void recall(const source& in, int count) const {
    for (int i = 0; i < count * width; ++i) in.out[i] = 0;
    products::add(in.out, width, {in.a, features, 1}, state, width, count, width, features);
  }
  /// out += (a b^T) c over keys of the chunk, each row up to its own.
  void attend(const source& in, int at, int count) const {
    for (int i = 0; i < count * chunk; ++i) scores[i] = 0;
    products::add(scores, chunk, {in.a, features, 1}, b, chunk, count, whole::padded(at + count), features);
    for (int i = 0; i < count; ++i) products::add(in.out + index_t(i) * width, width, {scores + i * chunk, chunk, 1}, c, width, 1, width, at + i + 1);
  }
  /// S += b^T c.
  void absorb() const { products::add(state, width, {b, chunk, 1}, c, width, features, width, chunk); }
};

}  // namespace atoms
TENON_KERNELS_END
