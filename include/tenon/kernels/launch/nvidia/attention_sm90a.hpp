#pragma once
// Attention on sm_90a. Beside the call of every GPU its kernel takes maps of keys and values, by value; in a .cu file:
//
//   using words = sm90a_attention<leaf, my_attention>;
//   __global__ void __launch_bounds__(words::threads, 1) kernel(const __grid_constant__ attention_tensor_arguments<my_attention> a) {
//     attention_tensor_kernel<overlapped, leaf, words>(a);
//   }

#include <tenon/kernels/atoms/sm90a/attention.hpp>
#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/skeletons/attention_forward_overlapped.hpp>
#include <tenon/kernels/tuning/sm90a.hpp>

TENON_KERNELS_BEGIN

/// The words of a problem. `threads`, `shared_bytes` and `block_rows` say how to launch it.
template <class Leaf, class Problem>
using sm90a_attention = atoms::sm90a::attention_words<Leaf, Problem::dim, tuning::sm90a::attention(Problem::dim).keys, tuning::sm90a::attention(Problem::dim).stages>;

/// Which skeleton: products one after the other, or the scores of the next keys beside the sums of these.
struct in_order {};
struct overlapped {};

/// `keys` and `values` are cache_shape() of the call's, as the machine encodes it.
template <class Problem>
struct attention_tensor_arguments {
  attention_arguments<Problem> call;
  tensor_map keys, values;
};

/// Keys or values of a call as boxes of one head's `keys` x 64: [batch, kv_head, key, dim].
template <class Problem>
tensor_shape cache_shape(const attention_arguments<Problem>& call, const bf16* first, int batches, int keys) {
  const auto bytes = [](index_t elements) { return static_cast<std::uint64_t>(elements) * sizeof(bf16); };
  const auto count = [](int n) { return static_cast<std::uint32_t>(n); };
  return {.first = first,
          .element_bytes = sizeof(bf16),
          .axes = 4,
          .extent = {count(Problem::dim), count(call.length > 0 ? call.length : 1), count(call.kv_heads), count(batches)},
          .stride = {sizeof(bf16), bytes(Problem::dim), bytes(call.cache_head), bytes(call.cache_batch)},
          .box = {64, count(keys), 1, 1}};
}

/// What one thread does. Schedule: in_order or overlapped.
template <class Schedule, class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void attention_tensor_kernel(const attention_tensor_arguments<Problem>& a) {
  using tile_type = attention_tile<Leaf, Words, Problem>;
  const tile_type tile(a.call, tile_type::last_first(a.call));
  Words m(tile.factor());
  tile.hold(m);
  const auto mean = tile.mean();
  const typename Words::source in{&a.keys, &a.values, tile.first_head / (a.call.heads / a.call.kv_heads), tile.batch, tile.length, a.call.length};
  if (m.produces()) return m.produce(in, traversal<typename tile_type::meaning_type>{mean, tile.rows, 0, tile.length, Words::block_keys});
  auto state = tile.state();
  if constexpr (std::is_same_v<Schedule, overlapped>)
    attention_partial_overlapped(m, in, mean, tile.rows, 0, tile.length, &state);
  else
    attention_partial(m, in, mean, tile.rows, 0, tile.length, &state);
  tile.store(m, state);
}

/// The kernel, as every machine of GPUs launches it.
template <class Schedule, class Leaf, class Words, class Problem>
struct attention_tensor_body {
  attention_tensor_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { attention_tensor_kernel<Schedule, Leaf, Words>(a); }
};

TENON_KERNELS_END
