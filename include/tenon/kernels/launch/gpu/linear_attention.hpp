#pragma once
// Linear attention on a GPU, for features that look at one number at a time (elu_plus_one, relu_features), random_exponentials (linear_rows.hpp), and either
// in waves (linear_waves.hpp):
// prompts in chunks over the skeleton of the processors, and a step of decoding from a state of constant size. A problem is device_linear or a struct
// of the same members: its mask is causal, position-free, or both; its dim 64 or 128.
//
//   linear_attention_body        grid query heads, batch, parts of the features   Words::threads threads, Words::shared_bytes
//   linear_attention_step_body   grid kv heads, batch                             dim threads and a warp, its own shared_bytes
//
// launch/gpu/attend_linear.hpp starts them. Order of summation: chunks of keys in order, from `before` on; a row's bits depend on neither the
// grid nor its company.

#include <tenon/kernels/launch/gpu/device_tensor.hpp>
#include <tenon/kernels/shared/device_number.hpp>
#include <tenon/kernels/shared/linear_letters.hpp>
#include <tenon/kernels/shared/linear_rules.hpp>
#include <tenon/kernels/skeletons/linear_attention.hpp>
#include <tenon/policies/linear.hpp>

TENON_KERNELS_BEGIN

/// A problem by its parts.
template <class Mask, class Features, int Dim>
struct device_linear {
  using mask = Mask;
  using weighting = linear<Features>;
  static constexpr int dim = Dim;
};

/// Floats of one feature's row of a state: the columns of the values, the sum of the feature, and padding to 16 bytes.
TENON_BOTH TENON_INLINE constexpr int linear_state_columns(int dim) { return dim + 4; }

/// Features that are several times those of others, each times something that its position says: with_waves.
template <class Features>
concept features_in_waves = requires(const Features& features) { features.parts(); };
namespace kernel_detail {
template <class Features>
TENON_BOTH TENON_INLINE constexpr const auto& without_waves(const Features& features) {
  if constexpr (features_in_waves<Features>)
    return features.inner;
  else
    return features;
}
}  // namespace kernel_detail
/// Features that look at a whole row, or these in waves: random_exponentials.
template <class Features>
concept features_of_rows = requires(const Features& features) { kernel_detail::without_waves(features).directions; };
template <class Features>
concept features_in_parts = features_in_waves<Features> || features_of_rows<Features>;

/// Parts of `dim` features that waves multiply, and all parts: waves one after the other, each of so many.
template <class Features>
TENON_BOTH TENON_INLINE constexpr int parts_of_wave(const Features& features, int dim) {
  if constexpr (features_of_rows<Features>)
    return (kernel_detail::without_waves(features).size + dim - 1) / dim;
  else
    return 1;
}
/// Which of them a part is.
template <class Features>
TENON_BOTH TENON_INLINE constexpr int block_of(const Features& features, int dim, int part) {
  return features_in_waves<Features> ? part % parts_of_wave(features, dim) : part;
}
template <class Features>
TENON_BOTH TENON_INLINE constexpr int parts_of(const Features& features, int dim) {
  if constexpr (features_in_waves<Features>)
    return features.parts() * parts_of_wave(features, dim);
  else
    return parts_of_wave(features, dim);
}

/// Where the first key of a call stands.
struct linear_place {
  const std::int32_t* at;  ///< where it is added to, in memory; or null
  int plus;
  template <class Leaf>
  TENON_BOTH TENON_INLINE int position() const {
    return plus + (at == nullptr ? 0 : Leaf::load(at));
  }
};

/// What features in parts have beside them: linear_waves_body writes the first three, blocks of linear_part the last.
struct linear_waves {
  const float *of_queries, *of_keys;  ///< [row][term]: cos and sin where the row stands
  const float* of_heads;              ///< [query head][pair_weights]: what a pair weighs by its distance, as a share of the constant; and the constant
  float* sums;                        ///< [part][batch, query, head][linear_state_columns]: of a part, and their total
  index_t plane;                      ///< rows of a part
  // Distances inside a chunk of 64, of later keys and of rows past the last too: words ask for all, and take what counts.
  static constexpr int least_distance = -64, distances = 192, constant_at = distances, pair_weights = distances + 4;
};

/// What the kernels are given. Query i stands at position keys - queries + i, from `place` on. States are [batch][kv_head][part][dim][linear_state_columns].
template <class Problem>
struct linear_attention_arguments {
  using mask_type = typename Problem::mask;
  using weighting_type = typename Problem::weighting;

  device_tensor<const std::byte> q, k, v;  ///< of q and k the features themselves, where these look at rows: [token, head, parts of a wave x dim]
  device_tensor<std::byte> out;
  int queries, keys, kv_heads, group;  ///< tokens of each sequence, and query heads of a kv head
  mask_type mask;
  weighting_type weighting;
  const float* before;  ///< of the keys before these; or null: there are none, as at position 0
  float* after;         ///< of all keys; or null: not asked for. Blocks of one group read `before`: the two are one where group is 1, or queries 0
  std::int32_t* seen;   ///< [batch][kv_head][part]: how many tokens the state holds. Where these are not those before the call, what comes of it is NaN
  linear_place place;
  linear_waves waves;
  float* totals;        ///< [batch, query, head] receives what the sums were divided by; or null
};

namespace kernel_detail {

template <class Features, class Number>
concept feature_of_one = requires(const Features& features, Number x) {
  { features.value(x) } -> std::same_as<Number>;
};

// What features are multiplied by in a wave, by its number, 0 for none, where keys have the wave `key` of its term: of a key, and of a query of a head.
TENON_BOTH TENON_INLINE constexpr int term_of(int number) { return (number - 1) / 2; }
TENON_BOTH TENON_INLINE constexpr float key_share(int number, wave<float> key) { return number == 0 ? 1.0f : number % 2 != 0 ? key.even : key.odd; }
template <class Features>
TENON_BOTH TENON_INLINE constexpr float query_share(const Features& features, int number, int head, wave<float> key) {
  const wave<float> query = features.of_query(term_of(number), head, key);
  return number % 2 != 0 ? query.even : query.odd;
}

/// One head of one sequence: where its rows are, and their features.
template <class Leaf, class Problem>
struct linear_head {
  using number = device_number<Leaf>;
  using features_type = std::remove_cvref_t<decltype(Problem::weighting::features)>;
  static constexpr bool in_parts = features_in_parts<features_type>, of_rows = features_of_rows<features_type>;
  static constexpr int dim = Problem::dim;
  const linear_attention_arguments<Problem>& a;
  int head, batch;
  int block = 0;  ///< which of the parts of a wave, where features look at rows

  /// Whether a key is there for any query: a mask that looks at the query too is causal.
  TENON_BOTH TENON_INLINE bool keeps(int key) const { return a.mask.keep(position{key, key, head, batch}); }
  template <int Count>
  TENON_BOTH TENON_INLINE void features(float (&x)[Count]) const {
    if constexpr (!of_rows)
      TENON_UNROLL for (float& each : x) each = a.weighting.features.value(number(each)).value;
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void query(int row, int column, float (&to)[Count]) const {
    load_numbers<Leaf>(a.q.at(batch, row, head, first() + column), kind_of(a.q), to);
    features(to);
  }
  /// The features of a key, and its value: zeros where the mask hides it.
  template <int Count>
  TENON_BOTH TENON_INLINE void key(int row, int column, float (&to)[Count]) const {
    if (!keeps(row)) return zeros(to);
    load_numbers<Leaf>(a.k.at(batch, row, head / a.group, first() + column), kind_of(a.k), to);
    features(to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void value(int row, int column, float (&to)[Count]) const {
    if (!keeps(row)) return zeros(to);
    load_numbers<Leaf>(a.v.at(batch, row, head / a.group, column), a.v.kind, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE static void zeros(float (&to)[Count]) {
    TENON_UNROLL for (float& x : to) x = 0;
  }
  TENON_BOTH TENON_INLINE index_t row_of_heads(int row) const { return (index_t{batch} * a.queries + row) * (a.kv_heads * a.group) + head; }
  TENON_BOTH TENON_INLINE int first() const { return of_rows ? block * dim : 0; }
  TENON_BOTH TENON_INLINE static float_kind kind_of(const device_tensor<const std::byte>& x) { return of_rows ? float_kind::f32 : x.kind; }
  TENON_BOTH TENON_INLINE int blocks() const { return parts_of_wave(a.weighting.features, dim); }
  TENON_BOTH TENON_INLINE int slot(int part) const { return (batch * a.kv_heads + head / a.group) * parts_of(a.weighting.features, dim) + part; }
  TENON_BOTH TENON_INLINE index_t state(int part) const { return index_t{slot(part)} * (dim * linear_state_columns(dim)); }
  /// What the state before is multiplied by: 0 where a sequence begins, whatever lies there, and NaN where it holds other tokens.
  TENON_BOTH TENON_INLINE float stays(int part, int at) const { return at == 0 ? 0.0f : Leaf::load(a.seen + slot(part)) == at ? 1.0f : __builtin_nanf(""); }
};

/// The letters of the output itself.
template <class Leaf, class Problem>
struct linear_forward : plain_letters {
  linear_head<Leaf, Problem> of;

  TENON_BOTH TENON_INLINE linear_forward(const linear_attention_arguments<Problem>& a, int head, int batch, int block = 0, typename Leaf::address = 0) : of{a, head, batch, block} {}
  template <int Count>
  TENON_BOTH TENON_INLINE void a(int row, int column, float (&to)[Count]) const {
    of.query(row, column, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void b(int row, int column, float (&to)[Count]) const {
    of.key(row, column, to);
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void c(int row, int column, float (&to)[Count]) const {
    of.value(row, column, to);
  }
  TENON_BOTH TENON_INLINE void store_total(int row, float total) const {
    if (of.a.totals != nullptr) Leaf::store(of.a.totals + of.row_of_heads(row), total);
  }
  TENON_BOTH TENON_INLINE static float inverse(float total) { return total == 0 ? 0.0f : Leaf::reciprocal(total); }
  template <int Count>
  TENON_BOTH TENON_INLINE void store(int row, int column, const float (&value)[Count]) const {
    store_numbers<Leaf>(of.a.out.at(of.batch, row, of.head, column), of.a.out.kind, value);
  }
};

/// The rules of linear weights, and those of a GPU.
template <class Mask, class Score, class Features>
consteval bool device_linear_assembles() {
  constexpr bool known = feature_of_one<Features, float> || features_of_rows<Features>;
  static_assert(known, "[features] on GPUs look at one number, by value(x), or are random_exponentials. Fix: one of ours, or a processor.");
  return linear_assembles<Mask, Score>() && known;
}

}  // namespace kernel_detail

/// One head of one sequence, or a part of its features, by the threads of a block. Without queries only the state moves on.
template <class Leaf, class Words, class Problem, class Letters = kernel_detail::linear_forward<Leaf, Problem>>
struct linear_attention_body {
  linear_attention_arguments<Problem> a;
  static constexpr int threads = Words::threads, shared_bytes = Words::shared_bytes + Letters::shared_bytes;

  TENON_BOTH void operator()() const {
    constexpr int columns = linear_state_columns(Problem::dim);
    const int part = Leaf::block_z(), batch = Leaf::block_y();
    const Letters in(a, head(Leaf::block_x()), batch, part, Leaf::shared() + static_cast<typename Leaf::address>(Words::shared_bytes));
    const float stays = a.before == nullptr ? 0.0f : in.of.stays(part, a.place.template position<Leaf>());
    Words m;
    if (stays != 0) {
      const float* const state = a.before + in.of.state(part);
      m.each_of_state(columns, [&](int at, float& value) TENON_LAMBDA { value = stays * Leaf::load(state + at); });
    }
    linear_attention(m, in, scan_extent{a.queries, a.keys, a.keys - a.queries, causal_and_free<typename Problem::mask>});
    const kernel_detail::linear_head<Leaf, Problem> own{a, head(Leaf::uniform(Leaf::block_x())), batch};  // found anew: no register holds it meanwhile
    if (a.after == nullptr || own.head % a.group != 0) return;
    float* const state = a.after + own.state(part);
    m.each_of_state(columns, [&](int at, const float& value) TENON_LAMBDA { Leaf::store(state + at, value); });
    if (Leaf::thread() == 0) Leaf::store(a.seen + own.slot(part), a.place.template position<Leaf>() + a.keys);  // all have read it: there was a chunk, with its barriers
  }

 private:
  TENON_BOTH TENON_INLINE int head(int block) const { return a.queries == 0 ? block * a.group : block; }
};

/// One token of a sequence, one kv head to a block: a thread has a column of the state, thread dim that of the ones. Both states are there and may
/// be one. Query heads of a group are taken `at_once` at a time.
template <class Leaf, class Problem>
struct linear_attention_step_body {
  static constexpr int dim = Problem::dim, threads = dim + Leaf::lanes, at_once = 4;
  using address = typename Leaf::address;
  using head_type = kernel_detail::linear_head<Leaf, Problem>;

  linear_attention_arguments<Problem> a;

  /// The features of the key and of queries, and their denominators; cos and sin of each term.
  static int shared_bytes(const typename Problem::weighting& weighting) { return (dim * (1 + at_once) + at_once) * 4 + (waves_of(weighting.features) - 1) * 4; }

  TENON_BOTH void operator()() const {
    const int kv_head = Leaf::block_x(), batch = Leaf::block_y(), first = a.place.template position<Leaf>();
    const head_type key{a, kv_head * a.group, batch};
    const float stays = key.stays(0, first);
    if constexpr (in_waves) turn(first);
    for (int next = 0; next < a.group; next += at_once) {
      const int head = kv_head * a.group + next;
      float sums[at_once] = {};
      for (int block = 0; block < key.blocks(); ++block) {
        if (block > 0) Leaf::barrier();
        take(head, batch, a.group - next, block);
        Leaf::barrier();
        if (next == 0 && block == 0)
          for (int part = Leaf::thread(); part < parts_of(a.weighting.features, dim); part += threads) Leaf::store(a.seen + key.slot(part), first + 1);
        if (Leaf::thread() > dim) continue;
        if (next == 0)
          move<true>(head, batch, a.group - next, block, stays, sums);
        else
          move<false>(head, batch, a.group - next, block, stays, sums);
      }
      if (Leaf::thread() == dim)
        TENON_UNROLL for (int h = 0; h < at_once; ++h) Leaf::store_shared(place(1 + at_once, h), sums[h]);
      Leaf::barrier();
      TENON_UNROLL for (int h = 0; h < at_once; ++h) {
        const float mine = sums[h] * kernel_detail::linear_forward<Leaf, Problem>::inverse(Leaf::template load_shared<float>(place(1 + at_once, h)));
        const float neighbour = Leaf::shuffle_xor(mine, 1);
        const int thread = Leaf::thread();
        if (next + h < a.group && thread < dim && thread % 2 == 0) kernel_detail::linear_forward<Leaf, Problem>(a, head + h, batch).store(0, thread, {mine, neighbour});
      }
    }
  }

 private:
  static constexpr bool in_waves = features_in_waves<typename head_type::features_type>;
  static int waves_of(const typename head_type::features_type& features) {
    if constexpr (in_waves)
      return features.parts();
    else
      return 1;
  }

  // Feature `feature` of the key, and of the queries behind it; the terms of waves lie behind these.
  TENON_BOTH TENON_INLINE static address place(int row, int feature) { return Leaf::shared() + static_cast<address>(4 * (row * dim + feature)); }
  TENON_BOTH TENON_INLINE static address place_of_term(int term) { return place(1 + at_once, at_once) + static_cast<address>(8 * term); }
  TENON_BOTH TENON_INLINE void turn(int at) const {
    for (int term = Leaf::thread(); term < a.weighting.features.terms; term += threads) {
      const wave<float> key = a.weighting.features.template of_key<float>(term, at);
      Leaf::store_shared(place_of_term(term), bits64{{bit_cast<std::uint32_t>(key.even), bit_cast<std::uint32_t>(key.odd)}});
    }
  }
  TENON_BOTH TENON_INLINE void take(int head, int batch, int heads, int block) const {
    for (int pair = Leaf::thread(); pair < (1 + at_once) * dim / 2; pair += threads) {
      const int row = pair / (dim / 2), feature = pair % (dim / 2) * 2;
      float two[2] = {};
      if (row == 0)
        head_type{a, head, batch, block}.key(0, feature, two);
      else if (row <= heads)
        head_type{a, head + row - 1, batch, block}.query(0, feature, two);
      Leaf::store_shared(place(row, feature), bits64{{bit_cast<std::uint32_t>(two[0]), bit_cast<std::uint32_t>(two[1])}});
    }
  }
  // The thread's column of the state, with the key's share the first time, and what the queries see of it.
  template <bool Adds>
  TENON_BOTH TENON_INLINE void move(int head, int batch, int heads, int block, float stays, float (&sums)[at_once]) const {
    const head_type in{a, head, batch};
    const int thread = Leaf::thread();
    float value[2] = {1, 1};
    if (thread < dim && Adds) in.value(0, thread / 2 * 2, value);
    const float own = thread % 2 == 0 ? value[0] : value[1];
    if constexpr (!in_waves) {
      move_part<Adds>(in.state(block) + thread, own, stays, sums);
    } else {
      const auto& features = a.weighting.features;
      for (int number = 0; number < features.parts(); ++number) {
        wave<float> key{};
        if (number > 0) key = bit_cast<wave<float>>(Leaf::template load_shared<bits64>(place_of_term(kernel_detail::term_of(number))));
        float of_part[at_once] = {};
        move_part<Adds>(in.state(number * in.blocks() + block) + thread, own * kernel_detail::key_share(number, key), stays, of_part);
        TENON_UNROLL for (int h = 0; h < at_once; ++h)
          if (h < heads) sums[h] += of_part[h] * (number == 0 ? features.constant(head + h) : kernel_detail::query_share(features, number, head + h, key));
      }
    }
  }
  template <bool Adds>
  TENON_BOTH TENON_INLINE void move_part(index_t state, float own, float stays, float (&sums)[at_once]) const {
    for (int f = 0; f < dim; ++f) {
      const index_t at = state + index_t{f} * linear_state_columns(dim);
      float now = 0;
      if (!Adds || stays != 0) now = (Adds ? stays : 1.0f) * Leaf::load((Adds ? a.before : a.after) + at);
      if (Adds) {
        now += Leaf::template load_shared<float>(place(0, f)) * own;
        Leaf::store(a.after + at, now);
      }
      TENON_UNROLL for (int h = 0; h < at_once; ++h) sums[h] += Leaf::template load_shared<float>(place(1 + h, f)) * now;
    }
  }
};

TENON_KERNELS_END
