#pragma once
// Linear attention on a GPU for features in parts, the compressed form of 3D attention (policies/linear.hpp): with the waves c and s of a term,
//   out_i = sum_p query_p(i) (phi(q_i) S_p(i)) / total,   S_p(i) = sum_j key_p(j) phi(k_j)^T v_j,   key_p = 1, c, s, ...
// A part is linear attention by itself, one block to a head and a part. Inside a chunk the parts need not be apart: there part 0 weighs every pair
// by its distance, in float, so that near keys lose nothing where parts cancel.
//
//   linear_waves_body            grid items / threads         the waves of each position, what a pair weighs at each distance
//   linear_attention_body of linear_part                      the sums of each part
//   linear_merge_body            grid batch queries heads / 16 the output
//
// Moves, beyond linear attention itself: the sums of each part, once each way.

#include <tenon/kernels/launch/gpu/linear_attention.hpp>

TENON_KERNELS_BEGIN

/// For `rows` tokens from a position on, and for each of `heads` heads. It writes what linear_waves has.
template <class Leaf, class Features>
struct linear_waves_body {
  static constexpr int threads = 128;
  Features features;
  linear_place place;
  int rows, heads;
  float* waves;     ///< [row][term]
  float* of_heads;  ///< [query head][pair_weights]

  TENON_BOTH void operator()() const {
    const int item = Leaf::block_x() * threads + Leaf::thread(), all = rows * features.terms, weight = item - all;
    if (item < all) {
      const wave<float> key = features.template of_key<float>(item % features.terms, place.template position<Leaf>() + item / features.terms);
      Leaf::store(reinterpret_cast<bits64*>(waves + 2 * item), bits64{{bit_cast<std::uint32_t>(key.even), bit_cast<std::uint32_t>(key.odd)}});
    } else if (weight < heads * linear_waves::pair_weights) {
      const int head = weight / linear_waves::pair_weights, at = weight % linear_waves::pair_weights;
      const float constant = features.constant(head);
      float sum = constant;  // a query over a key at position 0
      for (int term = 0; term < features.terms; ++term) sum += features.of_query(term, head, features.template of_key<float>(term, at + linear_waves::least_distance)).even;
      const float share = constant == 0 ? 0.0f : sum / constant;
      Leaf::store(of_heads + weight, at == linear_waves::constant_at ? constant : share);
    }
  }
};

namespace kernel_detail {

/// What the rows of a part are multiplied by. `waves`: of those rows, [row][term].
template <class Leaf, class Features>
TENON_BOTH TENON_INLINE wave<float> wave_at(const Features& features, const float* waves, int row, int number) {
  return bit_cast<wave<float>>(Leaf::load(reinterpret_cast<const bits64*>(waves + 2 * (index_t{row} * features.terms + term_of(number)))));
}
template <class Leaf, class Features>
TENON_BOTH TENON_INLINE float share_of_key(const Features& features, const linear_waves& waves, int row, int number) {
  if constexpr (!features_in_waves<Features>)
    return 1;
  else
    return number == 0 ? 1.0f : key_share(number, wave_at<Leaf>(features, waves.of_keys, row, number));
}
template <class Leaf, class Features>
TENON_BOTH TENON_INLINE float share_of_query(const Features& features, const linear_waves& waves, int row, int head, int number) {
  if constexpr (!features_in_waves<Features>)
    return 1;
  else
    return number == 0 ? Leaf::load(waves.of_heads + head * linear_waves::pair_weights + linear_waves::constant_at) : query_share(features, number, head, wave_at<Leaf>(features, waves.of_queries, row, number));
}

/// Beside the letters of a part: inside a chunk those of wave 0 stand for all of them, and weigh each pair.
template <class Leaf>
struct pairs_of_wave {
  static constexpr int shared_bytes = 4 * linear_waves::distances;
  using address = typename Leaf::address;
  int wave_number;
  address by_distance;  ///< what pairs weigh

  TENON_BOTH TENON_INLINE pairs_of_wave(const linear_waves& waves, int head, int number, address shared) : wave_number(number), by_distance(shared) {
    const int four = Leaf::thread();
    if (number != 0 || four >= linear_waves::distances / 4) return;
    Leaf::store_shared(by_distance + static_cast<address>(16 * four), Leaf::load(reinterpret_cast<const bits128*>(waves.of_heads + head * linear_waves::pair_weights + 4 * four)));
  }
  TENON_BOTH TENON_INLINE bool attends() const { return wave_number == 0; }
  TENON_BOTH TENON_INLINE float pair(int ahead, float score) const { return score * Leaf::template load_shared<float>(by_distance + static_cast<address>(4 * (ahead - linear_waves::least_distance))); }
};
template <int Count>
TENON_BOTH TENON_INLINE void scale(float (&x)[Count], float by) {
  TENON_UNROLL for (float& each : x) each *= by;
}

/// A part by its number: whose pairs it has, and what it is called.
template <class Leaf, class Features>
struct pairs_of_part : std::conditional_t<features_in_waves<Features>, pairs_of_wave<Leaf>, plain_letters> {
  using base = std::conditional_t<features_in_waves<Features>, pairs_of_wave<Leaf>, plain_letters>;
  int part;
  TENON_BOTH TENON_INLINE pairs_of_part(const Features& features, int dim, const linear_waves& waves, int head, int number, typename Leaf::address shared)
      : base(waves, head, number / parts_of_wave(features, dim), shared), part(number) {}
};

/// The letters of a part: those of the output, of keys times what their positions say, and not yet of queries.
template <class Leaf, class Problem>
struct linear_part : linear_forward<Leaf, Problem>, pairs_of_part<Leaf, typename linear_head<Leaf, Problem>::features_type> {
  using base = linear_forward<Leaf, Problem>;
  using pairs = pairs_of_part<Leaf, typename linear_head<Leaf, Problem>::features_type>;
  using base::of;
  using pairs::attends, pairs::pair, pairs::part, pairs::wave_number, pairs::shared_bytes;

  TENON_BOTH TENON_INLINE linear_part(const linear_attention_arguments<Problem>& a, int head, int batch, int number, typename Leaf::address shared)
      : base(a, head, batch, block_of(a.weighting.features, Problem::dim, number)), pairs(a.weighting.features, Problem::dim, a.waves, head, number, shared) {}
  template <int Count>
  TENON_BOTH TENON_INLINE void b(int row, int column, float (&to)[Count]) const {
    base::b(row, column, to);
    if (wave_number != 0) scale(to, share_of_key<Leaf>(of.a.weighting.features, of.a.waves, row, wave_number));
  }
  TENON_BOTH TENON_INLINE static float inverse(float) { return 1; }
  TENON_BOTH TENON_INLINE void store_total(int row, float total) const { Leaf::store(sum(row) + Problem::dim, total); }
  template <int Count>
  TENON_BOTH TENON_INLINE void store(int row, int column, const float (&value)[Count]) const {
    store_numbers<Leaf>(reinterpret_cast<std::byte*>(sum(row) + column), float_kind::f32, value);
  }

 private:
  TENON_BOTH TENON_INLINE float* sum(int row) const { return of.a.waves.sums + (part * of.a.waves.plane + of.row_of_heads(row)) * linear_state_columns(Problem::dim); }
};

}  // namespace kernel_detail

/// 16 rows of the output: eight lanes of 128 take one row, and add its parts in order.
template <class Leaf, class Problem>
struct linear_merge_body {
  linear_attention_arguments<Problem> a;
  int batch;
  static constexpr int threads = 128, dim = Problem::dim, pairs = dim / 16;

  TENON_BOTH void operator()() const {
    const int heads = a.kv_heads * a.group;
    const index_t row = index_t{Leaf::block_x()} * 16 + Leaf::thread() / 8;
    if (row >= index_t{batch} * a.queries * heads) return;
    const int head = static_cast<int>(row % heads), query = static_cast<int>(row / heads % a.queries), lane = Leaf::thread() % 8;
    const auto& features = a.weighting.features;
    float total = 0, sum[pairs][2] = {};
    for (int part = 0; part < parts_of(features, dim); ++part) {
      const float* const from = a.waves.sums + (part * a.waves.plane + row) * linear_state_columns(dim);
      const float share = kernel_detail::share_of_query<Leaf>(features, a.waves, query, head, part / parts_of_wave(features, dim));
      total += share * Leaf::load(from + dim);
      TENON_UNROLL for (int i = 0; i < pairs; ++i) {
        float two[2];
        kernel_detail::load_numbers<Leaf>(reinterpret_cast<const std::byte*>(from + 16 * i + 2 * lane), float_kind::f32, two);
        TENON_UNROLL for (int e = 0; e < 2; ++e) sum[i][e] += share * two[e];
      }
    }
    if (a.totals != nullptr && lane == 0) Leaf::store(a.totals + row, total);
    const float by = kernel_detail::linear_forward<Leaf, Problem>::inverse(total);
    const int in_batch = static_cast<int>(row / heads / a.queries);
    TENON_UNROLL for (int i = 0; i < pairs; ++i)
      kernel_detail::store_numbers<Leaf>(a.out.at(in_batch, query, head, 16 * i + 2 * lane), a.out.kind, {sum[i][0] * by, sum[i][1] * by});
  }
};

TENON_KERNELS_END
