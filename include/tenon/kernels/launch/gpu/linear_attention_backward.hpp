#pragma once
// The gradients of linear attention on a GPU: the sums of skeletons/linear_attention.hpp with other letters, after the forward kernel, which leaves out
// and its totals. With t_i = 1 / total_i, 0 where that is 0, and m_i = -out_i . d_out_i:
//   d phi(q)_i = t_i sum_j (d_out_i . v_j + m_i) phi(k)_j,   d phi(k)_j = sum_i (v_j . t_i d_out_i + t_i m_i) phi(q)_i,
//   dv_j = sum_i (phi(k)_j . phi(q)_i) t_i d_out_i,
// the last two from the last token to the first. m is one number more to a row than a tile is wide: it stands beside (shared/linear_letters.hpp).
//
//   linear_facts_body               grid batch queries heads / 16              t and m of each row
//   linear_gradient_body<Letters>   grid query heads, batch, parts             the sums of one gradient, of each query head
//   linear_gather_body              grid batch tokens heads / 16               a gradient: the sums of a group's heads in order, through the features;
//                                                                              of features of rows linear_pull_body (linear_rows.hpp)
//   linear_learn_body               grid query heads, terms                    what waves learn
//
// Parts of features (linear_waves.hpp) are summed as in the output: those of what a row is multiplied with at once, its own when they are gathered.
// attend_backward (launch/gpu/attend_linear_backward.hpp) starts them. No atomics: a gradient's bits depend on neither the grid nor its order.

#include <tenon/kernels/launch/gpu/linear_rows.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// What the kernels are given. call.out is `forward`, call.totals is there.
template <class Problem>
struct linear_backward_arguments {
  linear_attention_arguments<Problem> call;
  device_tensor<const std::byte> d_out;
  const float* forward;  ///< [batch, query, head, dim] dense: what the forward kernel wrote
  float* facts;          ///< [batch, query, head][2]: t and m
  float* sums;           ///< [part][batch, query or key, head, dim] dense, of query heads: what a linear_gradient_body writes
  int batch;
};

namespace kernel_detail {

/// Of a query: t, m, and t d_out.
template <class Leaf, class Problem>
struct linear_back : std::conditional_t<linear_head<Leaf, Problem>::in_parts, pairs_of_part<Leaf, typename linear_head<Leaf, Problem>::features_type>, plain_letters> {
  using features_type = typename linear_head<Leaf, Problem>::features_type;
  static constexpr bool in_parts = features_in_parts<features_type>, in_waves = features_in_waves<features_type>;
  using pairs = std::conditional_t<in_parts, pairs_of_part<Leaf, features_type>, plain_letters>;
  using pairs::part, pairs::wave_number;
  const linear_backward_arguments<Problem>& a;
  linear_head<Leaf, Problem> of;

  TENON_BOTH TENON_INLINE linear_back(const linear_backward_arguments<Problem>& arguments, int head, int batch, int number, typename Leaf::address shared)
      : pairs(arguments.call.weighting.features, int{Problem::dim}, arguments.call.waves, head, number, shared),
        a(arguments),
        of{arguments.call, head, batch, block_of(arguments.call.weighting.features, Problem::dim, number)} {}
  template <int Count>
  TENON_BOTH TENON_INLINE void scale_as_key(int row, float (&to)[Count]) const {
    if constexpr (in_waves)
      if (wave_number != 0) scale(to, share_of_key<Leaf>(a.call.weighting.features, a.call.waves, row, wave_number));
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void scale_as_query(int row, float (&to)[Count]) const {
    if constexpr (in_waves) scale(to, share_of_query<Leaf>(a.call.weighting.features, a.call.waves, row, of.head, wave_number));
  }
  TENON_BOTH TENON_INLINE float t(int query) const { return Leaf::load(a.facts + 2 * of.row_of_heads(query)); }
  TENON_BOTH TENON_INLINE float m(int query) const { return Leaf::load(a.facts + 2 * of.row_of_heads(query) + 1); }
  template <int Count>
  TENON_BOTH TENON_INLINE void d_out(int query, int column, float (&to)[Count]) const {
    load_numbers<Leaf>(a.d_out.at(of.batch, query, of.head, column), a.d_out.kind, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void shared_out(int query, int column, float (&to)[Count]) const {
    d_out(query, column, to);
    const float by = t(query);
    TENON_UNROLL for (float& x : to) x *= by;
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void store_sum(int tokens, int row, int column, const float (&value)[Count]) const {
    const index_t at = (((index_t{part} * a.batch + of.batch) * tokens + row) * (a.call.kv_heads * a.call.group) + of.head) * Problem::dim + column;
    store_numbers<Leaf>(reinterpret_cast<std::byte*>(a.sums + at), float_kind::f32, value);
  }
};

}  // namespace kernel_detail

/// Whether parts of features are one inside a chunk, or apart everywhere, as what learns from each of them needs.
enum class parts_are : unsigned char { joined, apart };

/// The letters of d phi(q), of queries in order.
template <class Leaf, class Problem, parts_are Parts = parts_are::joined>
struct letters_of_queries : kernel_detail::linear_back<Leaf, Problem> {
  static constexpr beside asks = beside::weights;
  using base = kernel_detail::linear_back<Leaf, Problem>;
  using base::base, base::of;
  TENON_BOTH TENON_INLINE bool attends() const { return Parts == parts_are::apart || base::attends(); }
  TENON_BOTH TENON_INLINE float pair(int ahead, float score) const { return Parts == parts_are::apart ? score : base::pair(ahead, score); }
  TENON_BOTH TENON_INLINE scan_extent extent() const { return {of.a.queries, of.a.keys, of.a.keys - of.a.queries, causal_and_free<typename Problem::mask>}; }
  template <int Count>
  TENON_BOTH TENON_INLINE void a(int row, int column, float (&to)[Count]) const {
    this->d_out(row, column, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void b(int row, int column, float (&to)[Count]) const {
    of.value(row, column, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void c(int row, int column, float (&to)[Count]) const {
    of.key(row, column, to);
    this->scale_as_key(row, to);
  }
  TENON_BOTH TENON_INLINE float a_weight(int row) const { return this->m(row); }
  TENON_BOTH TENON_INLINE float b_weight(int) const { return 1; }  // of a hidden key c is 0
  template <int Count>
  TENON_BOTH TENON_INLINE void store(int row, int column, const float (&value)[Count]) const {
    float scaled[Count];
    TENON_UNROLL for (int i = 0; i < Count; ++i) scaled[i] = value[i] * this->t(row);
    this->store_sum(of.a.queries, row, column, scaled);
  }
};

namespace kernel_detail {
// Keys hear of the queries after them: rows of all letters are counted from the last token.
template <class Leaf, class Problem>
struct linear_reversed : linear_back<Leaf, Problem> {
  using base = linear_back<Leaf, Problem>;
  using base::base, base::of;
  TENON_BOTH TENON_INLINE int key(int row) const { return of.a.keys - 1 - row; }
  TENON_BOTH TENON_INLINE int query(int row) const { return of.a.queries - 1 - row; }
  TENON_BOTH TENON_INLINE scan_extent extent() const { return {of.a.keys, of.a.queries, 0, causal_and_free<typename Problem::mask>}; }
  template <int Count>
  TENON_BOTH TENON_INLINE void store(int row, int column, const float (&value)[Count]) const {
    this->store_sum(of.a.keys, key(row), column, value);
  }
};
}  // namespace kernel_detail

/// The letters of d phi(k), of keys from the last.
template <class Leaf, class Problem>
struct letters_of_keys : kernel_detail::linear_reversed<Leaf, Problem> {
  static constexpr beside asks = beside::weights;
  using base = kernel_detail::linear_reversed<Leaf, Problem>;
  using base::base, base::of;
  template <int Count>
  TENON_BOTH TENON_INLINE void a(int row, int column, float (&to)[Count]) const {
    of.value(this->key(row), column, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void b(int row, int column, float (&to)[Count]) const {
    this->shared_out(this->query(row), column, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void c(int row, int column, float (&to)[Count]) const {
    of.query(this->query(row), column, to);
    this->scale_as_query(this->query(row), to);
  }
  TENON_BOTH TENON_INLINE float a_weight(int row) const { return of.keeps(this->key(row)) ? 1.0f : 0.0f; }
  TENON_BOTH TENON_INLINE float b_weight(int row) const { return this->t(this->query(row)) * this->m(this->query(row)); }
};

/// The letters of dv, of keys from the last.
template <class Leaf, class Problem>
struct letters_of_values : kernel_detail::linear_reversed<Leaf, Problem> {
  static constexpr beside asks = beside::nothing;
  using base = kernel_detail::linear_reversed<Leaf, Problem>;
  using base::base, base::of;
  template <int Count>
  TENON_BOTH TENON_INLINE void a(int row, int column, float (&to)[Count]) const {
    of.key(this->key(row), column, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void b(int row, int column, float (&to)[Count]) const {
    of.query(this->query(row), column, to);
    this->scale_as_query(this->query(row), to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void c(int row, int column, float (&to)[Count]) const {
    this->shared_out(this->query(row), column, to);
  }
};

/// The sums of one gradient, of one head of one sequence.
template <class Leaf, class Words, class Letters, class Problem>
struct linear_gradient_body {
  linear_backward_arguments<Problem> a;
  static constexpr int threads = Words::threads, shared_bytes = Words::shared_bytes + Letters::shared_bytes;

  TENON_BOTH void operator()() const {
    const Letters in(a, Leaf::block_x(), Leaf::block_y(), Leaf::block_z(), Leaf::shared() + static_cast<typename Leaf::address>(Words::shared_bytes));
    Words m;
    linear_attention(m, in, in.extent());
  }
};

/// t and m of 16 rows: eight lanes of 128 take one row.
template <class Leaf, class Problem>
struct linear_facts_body {
  linear_backward_arguments<Problem> a;
  static constexpr int threads = 128;

  TENON_BOTH void operator()() const {
    constexpr int dim = Problem::dim;
    const int heads = a.call.kv_heads * a.call.group, lane = Leaf::thread() % 8;
    const index_t row = index_t{Leaf::block_x()} * 16 + Leaf::thread() / 8, rows = index_t{a.batch} * a.call.queries * heads;
    float agreement = 0;
    if (row < rows) {
      const int head = static_cast<int>(row % heads), query = static_cast<int>(row / heads % a.call.queries), batch = static_cast<int>(row / heads / a.call.queries);
      TENON_UNROLL for (int column = 0; column < dim; column += 64) {
        float out[8], d_out[8];
        kernel_detail::load_numbers<Leaf>(reinterpret_cast<const std::byte*>(a.forward + row * dim + column + 8 * lane), float_kind::f32, out);
        kernel_detail::load_numbers<Leaf>(a.d_out.at(batch, query, head, column + 8 * lane), a.d_out.kind, d_out);
        TENON_UNROLL for (int e = 0; e < 8; ++e) agreement += out[e] * d_out[e];
      }
    }
    TENON_UNROLL for (int mask = 1; mask <= 4; mask *= 2) agreement += Leaf::shuffle_xor(agreement, mask);
    if (row >= rows || lane != 0) return;
    const float total = Leaf::load(a.call.totals + row), by = total == 0 ? 0.0f : Leaf::reciprocal(total);
    Leaf::store(reinterpret_cast<bits64*>(a.facts + 2 * row), bits64{{bit_cast<std::uint32_t>(by), bit_cast<std::uint32_t>(-agreement)}});
  }
};

/// 16 rows of a gradient: eight lanes of 128 take one row.
template <class Leaf, class Features>
struct linear_gather_body {
  linear_gather_arguments<Features> a;
  static constexpr int threads = 128;

  TENON_BOTH void operator()() const {
    using number = device_number<Leaf>;
    const index_t row = index_t{Leaf::block_x()} * 16 + Leaf::thread() / 8;
    if (row >= index_t{a.batch} * a.tokens * a.heads) return;
    const int head = static_cast<int>(row % a.heads), token = static_cast<int>(row / a.heads % a.tokens), batch = static_cast<int>(row / a.heads / a.tokens);
    const index_t rows = index_t{a.batch} * a.tokens * a.heads;
    for (int column = Leaf::thread() % 8 * 2; column < a.dim; column += 16) {
      float sum[2] = {};
      for (int part = 0; part < parts_of(a.features, a.dim); ++part) {
        const float share = a.template share_of<Leaf>(part / parts_of_wave(a.features, a.dim), token, head);
        for (int h = 0; h < a.group; ++h) {
          float one[2];
          kernel_detail::load_numbers<Leaf>(reinterpret_cast<const std::byte*>(a.sums + ((part * rows + row) * a.group + h) * a.dim + column), float_kind::f32, one);
          TENON_UNROLL for (int e = 0; e < 2; ++e) sum[e] += share * one[e];
        }
      }
      if (a.x.data != nullptr) {
        float x[2];
        kernel_detail::load_numbers<Leaf>(a.x.at(batch, token, head, column), a.x.kind, x);
        if constexpr (!features_of_rows<Features>)  // of these there is linear_pull_body
          TENON_UNROLL for (int e = 0; e < 2; ++e) sum[e] *= a.features.slope(number(x[e])).value;
      }
      kernel_detail::store_numbers<Leaf>(a.to.at(batch, token, head, column), a.to.kind, sum);
    }
  }
};

/// What a term of a head's waves learns, from what its queries' features hear of each part where these are apart: with c and s the wave of a query, e and o
/// what the term's parts say, z what part 0 does, d a = sum (e c + o s) + z a / |(a, b)|, d b = sum (e s - o c) + z b / |(a, b)|. In one order.
template <class Leaf, class Problem>
struct linear_learn_body {
  linear_backward_arguments<Problem> a;
  static constexpr int threads = 128, shared_bytes = 3 * reduction_bytes<Leaf, threads>, dim = Problem::dim;

  TENON_BOTH void operator()() const {
    const auto& features = a.call.weighting.features;
    const int head = Leaf::block_x(), term = Leaf::block_y(), heads = a.call.kv_heads * a.call.group, queries = a.call.queries;
    float cosine = 0, sine = 0, constant = 0;
    for (index_t row = Leaf::thread(); row < index_t{a.batch} * queries; row += threads) {
      const int batch = static_cast<int>(row / queries), query = static_cast<int>(row % queries);
      kernel_detail::linear_head<Leaf, Problem> of{a.call, head, batch};
      float said[3] = {};  // by part 0 and by the term's two
      for (int at = 0; at < of.blocks() * dim; at += 8) {
        const int column = at % dim;
        float x[8];
        of.block = at / dim;
        of.query(query, column, x);
        TENON_UNROLL for (int i = 0; i < 3; ++i) {
          const int part = (i == 0 ? 0 : 2 * term + i) * of.blocks() + of.block;
          float d[8];
          kernel_detail::load_numbers<Leaf>(reinterpret_cast<const std::byte*>(a.sums + ((part * index_t{a.batch} * queries + row) * heads + head) * dim + column), float_kind::f32, d);
          TENON_UNROLL for (int e = 0; e < 8; ++e) said[i] += x[e] * d[e];
        }
      }
      const wave<float> at = kernel_detail::wave_at<Leaf>(features, a.call.waves.of_queries, query, 2 * term + 1);
      cosine += said[1] * at.even + said[2] * at.odd, sine += said[1] * at.odd - said[2] * at.even, constant += said[0];
    }
    const auto all = [](float mine, int place) TENON_LAMBDA { return reduce_block<Leaf, threads>(mine, [](float one, float other) TENON_LAMBDA { return one + other; }, place); };
    cosine = all(cosine, 0), sine = all(sine, shared_bytes / 3), constant = all(constant, shared_bytes / 3 * 2);
    if (Leaf::thread() == 0) features.add_learned(term, head, wave<float>{cosine, sine}, constant);
  }
};

TENON_KERNELS_END
