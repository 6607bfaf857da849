#pragma once
// Linear attention on a GPU, for features that look at one number at a time (elu_plus_one, relu_features): prompts in chunks over the skeleton of the
// processors, and a step of decoding from a state of constant size. A problem is device_linear or a struct of the same members: its mask is causal,
// position-free, or both; its dim 64 or 128.
//
//   linear_attention_body        grid query heads, batch   Words::threads threads, Words::shared_bytes
//   linear_attention_step_body   grid kv heads, batch      dim threads and a warp, its own shared_bytes
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

/// What the kernels are given. Query i stands at position keys - queries + i. States are [batch][kv_head][dim][linear_state_columns].
template <class Problem>
struct linear_attention_arguments {
  using mask_type = typename Problem::mask;
  using weighting_type = typename Problem::weighting;

  device_tensor<const std::byte> q, k, v;
  device_tensor<std::byte> out;
  int queries, keys, kv_heads, group;  ///< tokens of each sequence, and query heads of a kv head
  mask_type mask;
  weighting_type weighting;
  const float* before;  ///< of the keys before these; or null: there are none
  float* after;         ///< of all keys; or null: not asked for. Blocks of one group read `before`: the two are one where group is 1, or queries 0
  float* totals;        ///< [batch, query, head] receives what the sums were divided by; or null
};

namespace kernel_detail {

template <class Features, class Number>
concept feature_of_one = requires(const Features& features, Number x) {
  { features.value(x) } -> std::same_as<Number>;
};

/// One head of one sequence: where its rows are, and their features.
template <class Leaf, class Problem>
struct linear_head {
  using number = device_number<Leaf>;
  const linear_attention_arguments<Problem>& a;
  int head, batch;

  /// Whether a key is there for any query: a mask that looks at the query too is causal.
  TENON_BOTH TENON_INLINE bool keeps(int key) const { return a.mask.keep(position{key, key, head, batch}); }
  template <int Count>
  TENON_BOTH TENON_INLINE void features(float (&x)[Count]) const {
    TENON_UNROLL for (float& each : x) each = a.weighting.features.value(number(each)).value;
  }
  template <int Count>
  TENON_BOTH TENON_INLINE void query(int row, int column, float (&to)[Count]) const {
    load_numbers<Leaf>(a.q.at(batch, row, head, column), a.q.kind, to);
    features(to);
  }
  /// The features of a key, and its value: zeros where the mask hides it.
  template <int Count>
  TENON_BOTH TENON_INLINE void key(int row, int column, float (&to)[Count]) const {
    if (!keeps(row)) return zeros(to);
    load_numbers<Leaf>(a.k.at(batch, row, head / a.group, column), a.k.kind, to);
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
  TENON_BOTH TENON_INLINE index_t state() const { return (index_t{batch} * a.kv_heads + head / a.group) * Problem::dim * linear_state_columns(Problem::dim); }
};

/// The letters of the output itself.
template <class Leaf, class Problem>
struct linear_forward {
  linear_head<Leaf, Problem> of;

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
  template <int Count>
  TENON_BOTH TENON_INLINE void store(int row, int column, const float (&value)[Count]) const {
    store_numbers<Leaf>(of.a.out.at(of.batch, row, of.head, column), of.a.out.kind, value);
  }
};

/// The rules of linear weights, and those of a GPU.
template <class Mask, class Score, class Features>
consteval bool device_linear_assembles() {
  constexpr bool one = feature_of_one<Features, float>;
  static_assert(one, "[features] on GPUs look at one number at a time, by a member value(x). Fix: elu_plus_one, relu_features, or a processor.");
  return linear_assembles<Mask, Score>() && one;
}

}  // namespace kernel_detail

/// One head of one sequence, by the threads of a block. Without queries only the state moves on.
template <class Leaf, class Words, class Problem>
struct linear_attention_body {
  linear_attention_arguments<Problem> a;
  static constexpr int threads = Words::threads;

  TENON_BOTH void operator()() const {
    constexpr int columns = linear_state_columns(Problem::dim);
    const int head = a.queries == 0 ? Leaf::block_x() * a.group : Leaf::block_x();
    const kernel_detail::linear_forward<Leaf, Problem> in{{a, head, Leaf::block_y()}};
    const index_t state = in.of.state();
    Words m;
    if (a.before != nullptr) m.each_of_state(columns, [&](int at, float& value) TENON_LAMBDA { value = Leaf::load(a.before + state + at); });
    linear_attention(m, in, scan_extent{a.queries, a.keys, a.keys - a.queries, causal_and_free<typename Problem::mask>});
    if (a.after != nullptr && head % a.group == 0) m.each_of_state(columns, [&](int at, const float& value) TENON_LAMBDA { Leaf::store(a.after + state + at, value); });
  }
};

/// One token of a sequence, one kv head to a block: a thread has a column of the state, thread dim that of the ones. Both states are there and may
/// be one. Query heads of a group are taken `at_once` at a time.
template <class Leaf, class Problem>
struct linear_attention_step_body {
  static constexpr int dim = Problem::dim, threads = dim + Leaf::lanes, at_once = 4;
  static constexpr int shared_bytes = (dim * (1 + at_once) + at_once) * 4;  ///< the features of the key and of queries, and their denominators
  using address = typename Leaf::address;

  linear_attention_arguments<Problem> a;

  TENON_BOTH void operator()() const {
    const int kv_head = Leaf::block_x(), batch = Leaf::block_y();
    for (int first = 0; first < a.group; first += at_once) {
      take(kv_head * a.group + first, batch, a.group - first);
      Leaf::barrier();
      float sums[at_once] = {};
      if (Leaf::thread() <= dim) move(kv_head * a.group, batch, first == 0, sums);
      if (Leaf::thread() == dim)
        TENON_UNROLL for (int h = 0; h < at_once; ++h) Leaf::store_shared(place(1 + at_once, h), sums[h]);
      Leaf::barrier();
      TENON_UNROLL for (int h = 0; h < at_once; ++h) {
        const float total = Leaf::template load_shared<float>(place(1 + at_once, h)), mine = total == 0 ? 0.0f : sums[h] * Leaf::reciprocal(total);
        const float neighbour = Leaf::shuffle_xor(mine, 1);
        const int thread = Leaf::thread();
        if (first + h < a.group && thread < dim && thread % 2 == 0)
          kernel_detail::linear_forward<Leaf, Problem>{{a, kv_head * a.group + first + h, batch}}.store(0, thread, {mine, neighbour});
      }
    }
  }

 private:
  // Feature `feature` of the key, and of the queries behind it.
  TENON_BOTH TENON_INLINE static address place(int row, int feature) { return Leaf::shared() + static_cast<address>(4 * (row * dim + feature)); }
  TENON_BOTH TENON_INLINE void take(int head, int batch, int heads) const {
    for (int pair = Leaf::thread(); pair < (1 + at_once) * dim / 2; pair += threads) {
      const int row = pair / (dim / 2), feature = pair % (dim / 2) * 2;
      float two[2] = {};
      if (row == 0)
        kernel_detail::linear_head<Leaf, Problem>{a, head, batch}.key(0, feature, two);
      else if (row <= heads)
        kernel_detail::linear_head<Leaf, Problem>{a, head + row - 1, batch}.query(0, feature, two);
      Leaf::store_shared(place(row, feature), bits64{{bit_cast<std::uint32_t>(two[0]), bit_cast<std::uint32_t>(two[1])}});
    }
  }
  // The thread's column of the state, with the key's share the first time, and what the queries see of it.
  TENON_BOTH TENON_INLINE void move(int head, int batch, bool adds, float (&sums)[at_once]) const {
    constexpr int columns = linear_state_columns(dim);
    const kernel_detail::linear_head<Leaf, Problem> in{a, head, batch};
    const int thread = Leaf::thread();
    const index_t state = in.state() + thread;
    float value[2] = {1, 1};
    if (thread < dim && adds) in.value(0, thread / 2 * 2, value);
    const float own = thread % 2 == 0 ? value[0] : value[1];
    const float* const from = adds ? a.before : a.after;
    for (int f = 0; f < dim; ++f) {
      float now = Leaf::load(from + state + index_t{f} * columns);
      if (adds) {
        now += Leaf::template load_shared<float>(place(0, f)) * own;
        Leaf::store(a.after + state + index_t{f} * columns, now);
      }
      TENON_UNROLL for (int h = 0; h < at_once; ++h) sums[h] += Leaf::template load_shared<float>(place(1 + h, f)) * now;
    }
  }
};

TENON_KERNELS_END
