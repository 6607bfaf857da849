#pragma once
// Linear attention on a GPU, for features that look at one number at a time (elu_plus_one, relu_features): prompts in chunks over the skeleton of the
// processors, and a step of decoding from a state of constant size. A problem is as in launch/gpu/attention.hpp, with weighting = linear<Features> and
// group = all query heads of a kv head; its mask is causal, position-free, or both.
//
//   linear_attention_kernel        grid heads, batch       Words::threads threads, Words::shared_bytes
//   linear_attention_step_kernel   grid kv heads, batch    dim threads and a warp, linear_attention_step_bytes()
//
// Order of summation: chunks of 64 keys in order, from `before` on; a row's bits depend on neither the grid nor its company.

#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/device_number.hpp>
#include <tenon/kernels/shared/linear_rules.hpp>
#include <tenon/kernels/skeletons/linear_attention.hpp>
#include <tenon/policies/linear.hpp>

TENON_KERNELS_BEGIN

/// Floats of one feature's row of a state: the columns of the values, the sum of the feature, and padding to 16 bytes.
TENON_BOTH TENON_INLINE constexpr int linear_state_columns(int dim) { return dim + 4; }

/// What both kernels are given. `call` without log_sum_exp; states are [batch][kv_head][dim][linear_state_columns]. A step has one query and one
/// key, and needs both states, which may be one.
template <class Problem>
struct linear_attention_arguments {
  attention_arguments<Problem> call;
  const float* before;  ///< of the keys before these; or null: there are none
  float* after;         ///< of all keys; or null: not asked for
};

namespace kernel_detail {

template <class Leaf, class Problem>
TENON_BOTH TENON_INLINE float linear_feature(float x) {
  using features = std::remove_cvref_t<decltype(Problem::weighting::features)>;
  static_assert(requires { features::value(x); }, "[features] on GPUs look at one number at a time. Fix: elu_plus_one or relu_features.");
  return features::value(device_number<Leaf>(x)).value;
}

/// One head of one sequence.
template <class Leaf, class Problem>
struct linear_source {
  using number = typename attention_arguments<Problem>::number;
  const attention_arguments<Problem>& a;
  int head, batch;

  TENON_BOTH TENON_INLINE index_t cache_place(int key) const { return batch * a.cache_batch + head / Problem::group * a.cache_head + index_t{key} * Problem::dim; }
  TENON_BOTH TENON_INLINE const number* q(int row) const { return a.q + batch * a.q_batch + row * a.q_query + head * a.q_head; }
  TENON_BOTH TENON_INLINE const number* k(int key) const { return a.keys + cache_place(key); }
  TENON_BOTH TENON_INLINE const number* v(int key) const { return a.values + cache_place(key); }
  /// Whether a key is there for any query: a mask that looks at the query too is causal.
  TENON_BOTH TENON_INLINE bool keeps(int key) const { return a.mask.keep(position{key, key, head, batch}); }
  TENON_BOTH TENON_INLINE static float feature(float x) { return linear_feature<Leaf, Problem>(x); }
  TENON_BOTH TENON_INLINE typename Problem::out* out(int row) const { return a.out + batch * a.out_batch + row * a.out_query + head * a.out_head; }
  TENON_BOTH TENON_INLINE void store_one(int row, int column, float value) const {
    if constexpr (sizeof(typename Problem::out) == 4)
      Leaf::store(out(row) + column, value);
    else
      Leaf::store(reinterpret_cast<std::uint16_t*>(out(row) + column), static_cast<std::uint16_t>(Leaf::template pack<typename Problem::out>(value, value)));
  }
  /// Numbers `column` and `column` + 1, even.
  TENON_BOTH TENON_INLINE void store_two(int row, int column, float one, float other) const {
    typename Problem::out* const to = out(row) + column;
    if constexpr (sizeof(*to) == 4)
      Leaf::store(reinterpret_cast<bits64*>(to), bits64{{bit_cast<std::uint32_t>(one), bit_cast<std::uint32_t>(other)}});
    else
      Leaf::store(reinterpret_cast<std::uint32_t*>(to), Leaf::template pack<typename Problem::out>(one, other));
  }
};

template <class Problem>
TENON_BOTH TENON_INLINE index_t linear_state_place(const attention_arguments<Problem>& a, int batch, int kv_head) {
  return (index_t{batch} * a.kv_heads + kv_head) * Problem::dim * linear_state_columns(Problem::dim);
}

}  // namespace kernel_detail

/// What one thread does for one head of one sequence.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void linear_attention_kernel(const linear_attention_arguments<Problem>& a) {
  static_assert(kernel_detail::linear_assembles<typename Problem::mask, typename Problem::score>());
  constexpr int columns = linear_state_columns(Problem::dim);
  const int head = Leaf::block_x(), batch = Leaf::block_y(), length = a.call.lengths == nullptr ? a.call.length : Leaf::load(a.call.lengths + batch);
  const index_t state = kernel_detail::linear_state_place(a.call, batch, head / Problem::group);
  const kernel_detail::linear_source<Leaf, Problem> in{a.call, head, batch};
  Words m;
  if (a.before != nullptr) m.each_of_state(columns, [&](int at, float& value) TENON_LAMBDA { value = Leaf::load(a.before + state + at); });
  linear_attention(m, in, scan_extent{a.call.queries, length, length - a.call.queries, causal_and_free<typename Problem::mask>});
  if (a.after != nullptr && head % Problem::group == 0) m.each_of_state(columns, [&](int at, const float& value) TENON_LAMBDA { Leaf::store(a.after + state + at, value); });
}

/// Bytes of shared memory of a step: the features of the key and of the group's queries, and their denominators.
template <class Problem>
consteval int linear_attention_step_bytes() {
  return (Problem::dim * (1 + Problem::group) + Problem::group) * 4;
}

/// What one thread of dim and a warp does for one token of a sequence: its column of the state; thread dim has that of the ones.
template <class Leaf, class Problem>
TENON_BOTH TENON_INLINE void linear_attention_step_kernel(const linear_attention_arguments<Problem>& a) {
  constexpr int dim = Problem::dim, group = Problem::group, columns = linear_state_columns(dim);
  using address = typename Leaf::address;
  using number = typename attention_arguments<Problem>::number;
  const int thread = Leaf::thread(), kv_head = Leaf::block_x(), batch = Leaf::block_y();
  const kernel_detail::linear_source<Leaf, Problem> in{a.call, kv_head * group, batch};
  const auto at = [](int row, int feature) TENON_LAMBDA { return Leaf::shared() + static_cast<address>(4 * (row * dim + feature)); };  // the key's features, then the queries'
  for (int pair = thread; pair < (1 + group) * dim / 2; pair += dim + Leaf::lanes) {
    const int row = pair / (dim / 2), feature = pair % (dim / 2) * 2;
    const number* const from = row == 0 ? in.k(0) : in.q(0) + (row - 1) * a.call.q_head;
    float two[2];
    unpack_two<number>(Leaf::load(reinterpret_cast<const std::uint32_t*>(from + feature)), two);
    TENON_UNROLL for (float& x : two) x = row == 0 && !in.keeps(0) ? 0.0f : in.feature(x);
    Leaf::store_shared(at(row, feature), bits64{{bit_cast<std::uint32_t>(two[0]), bit_cast<std::uint32_t>(two[1])}});
  }
  Leaf::barrier();
  float sums[group] = {};
  if (thread <= dim) {
    const index_t state = kernel_detail::linear_state_place(a.call, batch, kv_head) + thread;
    float value[2] = {1, 1};
    if (thread < dim) unpack_two<number>(Leaf::load(reinterpret_cast<const std::uint32_t*>(in.v(0) + thread / 2 * 2)), value);
    const float own = thread % 2 == 0 ? value[0] : value[1];
    for (int f = 0; f < dim; ++f) {
      const float before = a.before == nullptr ? 0.0f : Leaf::load(a.before + state + index_t{f} * columns);
      const float now = before + Leaf::template load_shared<float>(at(0, f)) * own;
      Leaf::store(a.after + state + index_t{f} * columns, now);
      TENON_UNROLL for (int h = 0; h < group; ++h) sums[h] += Leaf::template load_shared<float>(at(1 + h, f)) * now;
    }
    if (thread == dim)
      TENON_UNROLL for (int h = 0; h < group; ++h) Leaf::store_shared(at(1 + group, h), sums[h]);
  }
  Leaf::barrier();
  TENON_UNROLL for (int h = 0; h < group; ++h) {
    const float total = Leaf::template load_shared<float>(at(1 + group, h)), mine = total == 0 ? 0.0f : sums[h] * Leaf::reciprocal(total);
    const float neighbour = Leaf::shuffle_xor(mine, 1);
    if (thread < dim && thread % 2 == 0) kernel_detail::linear_source<Leaf, Problem>{a.call, kv_head * group + h, batch}.store_two(0, thread, mine, neighbour);
  }
}

/// The kernels, as every machine of GPUs launches them.
template <class Leaf, class Words, class Problem>
struct linear_attention_body {
  linear_attention_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { linear_attention_kernel<Leaf, Words>(a); }
};
template <class Leaf, class Problem>
struct linear_attention_step_body {
  linear_attention_arguments<Problem> a;
  static constexpr int threads = Problem::dim + Leaf::lanes;
  TENON_BOTH void operator()() const { linear_attention_step_kernel<Leaf>(a); }
};

TENON_KERNELS_END
