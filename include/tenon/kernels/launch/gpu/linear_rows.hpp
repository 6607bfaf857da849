#pragma once
// Linear attention on a GPU for features that look at a whole row, random_exponentials (policies/linear.hpp): found once for each row of q and k, before
// the chunks, in float; chunks take them `dim` at a time, as parts (linear_waves.hpp), the last of them filled with zeros.
//
//   linear_rows_body   grid rows / 8   phi of 8 rows of q or of k
//   linear_pull_body   grid rows / 8   the gradient of these from the sums of their features'
//
// With y = x dim^(-1/4) and g_m = phi_m(x) d_m: dx = dim^(-1/4) (sum_m g_m w_m - y sum_m g_m), in order of the features.
// Moves: rows once, and their features once each way; directions once for 8 rows.

#include <tenon/kernels/launch/gpu/linear_waves.hpp>

TENON_KERNELS_BEGIN

/// 8 rows of [batch, token, head] by a block of 128 threads, rows of Dim numbers in shared memory.
template <class Leaf, int Dim>
struct eight_rows {
  static constexpr int rows = 8, threads = 128, shared_bytes = rows * Dim * 4;
  static_assert(rows * Dim % threads == 0 && threads % Dim == 0);
  index_t first;  ///< the block's
  index_t all;
  int tokens, heads;

  TENON_BOTH TENON_INLINE eight_rows(int batch, int in_tokens, int in_heads) : first(index_t{Leaf::block_x()} * rows), all(index_t{batch} * in_tokens * in_heads), tokens(in_tokens), heads(in_heads) {}
  TENON_BOTH TENON_INLINE bool there(int row) const { return first + row < all; }
  TENON_BOTH TENON_INLINE int head(int row) const { return static_cast<int>((first + row) % heads); }
  TENON_BOTH TENON_INLINE int token(int row) const { return static_cast<int>((first + row) / heads % tokens); }
  TENON_BOTH TENON_INLINE int batch(int row) const { return static_cast<int>((first + row) / heads / tokens); }

  TENON_BOTH TENON_INLINE static typename Leaf::address place(int row, int column) { return Leaf::shared() + static_cast<typename Leaf::address>(4 * (row * Dim + column)); }
  /// Four neighbours.
  TENON_BOTH TENON_INLINE static bits128 load(int row, int column) { return Leaf::template load_shared<bits128>(place(row, column)); }
};

/// features [batch, token, head][parts of a wave x Dim] of x [batch, token, head, Dim].
template <class Leaf, class Features, int Dim>
struct linear_rows_body {
  using rows_type = eight_rows<Leaf, Dim>;
  using number = device_number<Leaf>;
  static constexpr int threads = rows_type::threads, shared_bytes = rows_type::shared_bytes, rows = rows_type::rows;
  device_tensor<const std::byte> x;
  float* to;
  int batch, tokens, heads;
  Features features;  ///< without waves

  TENON_BOTH void operator()() const {
    const rows_type of(batch, tokens, heads);
    const int thread = Leaf::thread();
    for (int pair = thread; pair < rows * Dim / 2; pair += threads) {
      const int row = pair / (Dim / 2), column = pair % (Dim / 2) * 2;
      float two[2] = {};
      if (of.there(row)) kernel_detail::load_numbers<Leaf>(x.at(of.batch(row), of.token(row), of.head(row), column), x.kind, two);
      const auto scaled = [&](int e) TENON_LAMBDA { return bit_cast<std::uint32_t>(two[e] * features.template scale<float>(Dim)); };
      Leaf::store_shared(of.place(row, column), bits64{{scaled(0), scaled(1)}});
    }
    Leaf::barrier();
    const int count = parts_of_wave(features, Dim) * Dim;
    for (int m = thread; m < count; m += threads) {
      float dot[rows] = {}, square[rows] = {};
      if (m < features.size)
        for (int d = 0; d < Dim; d += 4) {
          float w[4];
          TENON_UNROLL for (int e = 0; e < 4; ++e) w[e] = Leaf::load(features.directions + index_t{m} * Dim + d + e);
          TENON_UNROLL for (int row = 0; row < rows; ++row) {
            const bits128 four = of.load(row, d);
            TENON_UNROLL for (int e = 0; e < 4; ++e) {
              const float y = bit_cast<float>(four.word[e]);
              dot[row] += w[e] * y, square[row] += y * y;
            }
          }
        }
      TENON_UNROLL for (int row = 0; row < rows; ++row)
        if (of.there(row)) Leaf::store(to + (of.first + row) * count + m, m < features.size ? features.of_row(number(dot[row]), number(square[row])).value * features.template share<float>() : 0.0f);
    }
  }
};

/// What gradients of rows are gathered from: that of x [batch, token, head, dim] is the sum over `group` neighbouring heads of `sums`, through the
/// features at x, where x is there. Parts are multiplied by what the row's own position says.
template <class Features>
struct linear_gather_arguments {
  const float* sums;                    ///< [part][batch, token, head group, dim] dense
  device_tensor<const std::byte> x;     ///< data null: the sums themselves
  device_tensor<std::byte> to;
  int batch, tokens, heads, group, dim;
  Features features;
  side of;                              ///< whose gradient it is; that of values is the keys'
  linear_waves waves;
  const float* rows;                    ///< the features of x, as linear_rows_body leaves them; of features of rows

  template <class Leaf>
  TENON_BOTH TENON_INLINE float share_of(int wave_number, int token, int head) const {
    return of == side::key ? kernel_detail::share_of_key<Leaf>(features, waves, token, wave_number) : kernel_detail::share_of_query<Leaf>(features, waves, token, head, wave_number);
  }
};

/// 8 rows of a gradient. That of a key which nobody sees and which is not finite is NaN.
template <class Leaf, class Features, int Dim>
struct linear_pull_body {
  using rows_type = eight_rows<Leaf, Dim>;
  static constexpr int threads = rows_type::threads, shared_bytes = rows_type::shared_bytes, rows = rows_type::rows, own = rows * Dim / threads;  ///< rows of a thread's column
  linear_gather_arguments<Features> a;

  TENON_BOTH void operator()() const {
    const auto& features = kernel_detail::without_waves(a.features);
    const rows_type of(a.batch, a.tokens, a.heads);
    const int thread = Leaf::thread(), column = thread % Dim, first_row = thread / Dim * own, blocks = parts_of_wave(a.features, Dim);
    float along[own] = {}, total[own] = {};
    for (int block = 0; block < blocks; ++block) {
      if (block > 0) Leaf::barrier();
      for (int item = thread; item < rows * Dim; item += threads) Leaf::store_shared(of.place(item / Dim, item % Dim), of.there(item / Dim) ? heard(of, item / Dim, block, item % Dim) : 0.0f);
      Leaf::barrier();
      for (int m = 0; m < Dim && block * Dim + m < features.size; m += 4)
        TENON_UNROLL for (int e = 0; e < 4; ++e) {
          const int feature = block * Dim + m + e;
          const float w = feature < features.size ? Leaf::load(features.directions + index_t{feature} * Dim + column) : 0.0f;
          TENON_UNROLL for (int i = 0; i < own; ++i) {
            const float g = bit_cast<float>(of.load(first_row + i, m).word[e]);
            along[i] += g * w, total[i] += g;
          }
        }
    }
    const float by = features.template scale<float>(Dim);
    TENON_UNROLL for (int i = 0; i < own; ++i) {
      const int row = first_row + i;
      if (!of.there(row)) continue;
      float pair[2];
      kernel_detail::load_numbers<Leaf>(a.x.at(of.batch(row), of.token(row), of.head(row), column / 2 * 2), a.x.kind, pair);
      const float one[1] = {by * (along[i] - pair[column % 2] * by * total[i])};
      kernel_detail::store_numbers<Leaf>(a.to.at(of.batch(row), of.token(row), of.head(row), column), a.to.kind, one);
    }
  }

 private:
  // A feature of a row times its gradient, of all waves and heads.
  TENON_BOTH TENON_INLINE float heard(const rows_type& of, int row, int block, int m) const {
    const int blocks = parts_of_wave(a.features, Dim);
    float sum = 0;
    for (int part = block; part < parts_of(a.features, Dim); part += blocks) {
      const float share = a.template share_of<Leaf>(part / blocks, of.token(row), of.head(row));
      for (int h = 0; h < a.group; ++h) sum += share * Leaf::load(a.sums + ((part * of.all + of.first + row) * a.group + h) * Dim + m);
    }
    return sum * Leaf::load(a.rows + ((of.first + row) * blocks + block) * Dim + m);
  }
};

TENON_KERNELS_END
