#pragma once
// The gradients of attention on sm_90a: its words with their tiles, and the maps that its kernels take beside the call, by value; in a .cu file:
//
//   using keys = sm90a_attention_backward_keys<leaf, my_attention>;
//   __global__ void __launch_bounds__(keys::threads, 1) kernel(const __grid_constant__ attention_backward_tensor_body<leaf, keys, my_attention> walk) { walk(); }

#include <concepts>

#include <tenon/kernels/atoms/sm90a/attention_backward.hpp>
#include <tenon/kernels/launch/gpu/attention_backward.hpp>
#include <tenon/kernels/launch/nvidia/attention_sm90a.hpp>
#include <tenon/kernels/tuning/sm90a.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
template <class Problem>
inline constexpr tuning::sm90a::attention_backward_tile sm90a_backward_keys = tuning::sm90a::attention_backward_keys_of<Problem>();
template <class Problem>
inline constexpr tuning::sm90a::attention_backward_tile sm90a_backward_rows = tuning::sm90a::attention_backward_rows_of<Problem>();
}  // namespace kernel_detail

/// The words that keep keys, and those that keep rows. `threads`, `shared_bytes`, `block_keys` and `tile_rows` say how to launch them.
template <class Leaf, class Problem>
using sm90a_attention_backward_keys = atoms::sm90a::attention_backward_words<Leaf, gradients_of::keys, Problem::dim, kernel_detail::sm90a_backward_keys<Problem>.across,
                                                                             kernel_detail::sm90a_backward_keys<Problem>.stages>;
template <class Leaf, class Problem>
using sm90a_attention_backward_rows = atoms::sm90a::attention_backward_words<Leaf, gradients_of::rows, Problem::dim, kernel_detail::sm90a_backward_rows<Problem>.across,
                                                                             kernel_detail::sm90a_backward_rows<Problem>.stages>;

/// q or d_out of a call as boxes of the heads of a group x `queries` x 64: [batch, query, head, dim]. Its strides must be fit_for_rows.
template <class Problem>
tensor_shape rows_shape(const attention_backward_arguments<Problem>& a, const bf16* first, index_t of_head, index_t of_query, index_t of_batch, int queries) {
  const auto bytes = [](index_t elements) { return static_cast<std::uint64_t>(elements) * sizeof(bf16); };
  const auto count = [](int n) { return static_cast<std::uint32_t>(n > 0 ? n : 1); };
  // A call of one head, query or sequence may leave its stride out.
  const index_t head = a.call.heads > 1 ? of_head : Problem::dim, query = a.call.queries > 1 ? of_query : head * a.call.heads, batch = a.batch > 1 ? of_batch : query * a.call.queries;
  return {.first = first,
          .element_bytes = sizeof(bf16),
          .axes = 4,
          .extent = {count(Problem::dim), count(a.call.heads), count(a.call.queries), count(a.batch)},
          .stride = {sizeof(bf16), bytes(head), bytes(query), bytes(batch)},
          .box = {64, count(Problem::group), count(queries), 1}};
}

/// A walk, as every machine of GPUs launches it.
template <class Leaf, class Words, class Problem>
struct attention_backward_tensor_body {
  attention_backward_arguments<Problem> a;
  atoms::sm90a::backward_maps maps;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const {
    if constexpr (Words::of_keys)
      attention_backward_keys_kernel<Leaf, Words>(a, maps);
    else
      attention_backward_queries_kernel<Leaf, Words>(a, maps);
  }
};

/// The maps of a call for the walk of Words; encode(shape): as the machine does. Rows come in boxes where a tile holds whole groups, and heads, queries and
/// sequences follow each other as a driver takes them.
template <class Words, class Encode, class Problem>
atoms::sm90a::backward_maps backward_maps_of(const attention_backward_arguments<Problem>& a, const Encode& encode) {
  const attention_arguments<Problem>& c = a.call;
  const auto cached = [&](const bf16* first) { return c.length > 0 ? encode(cache_shape(c, first, a.batch, c.length, Words::block_keys)) : tensor_map{}; };
  const auto fit = [](const tensor_shape& of) {
    for (int axis = 1; axis < of.axes; ++axis)
      if (of.box[axis] > 256 || of.stride[axis] % 16 != 0 || of.stride[axis] < of.stride[axis - 1] * (axis == 1 ? of.extent[0] : 1) || (axis > 1 && of.stride[axis] % of.stride[axis - 1] != 0)) return false;
    return true;
  };
  constexpr int queries = Words::tile_rows / Problem::group;
  const tensor_shape q = rows_shape(a, c.q, c.q_head, c.q_query, c.q_batch, queries), d_out = rows_shape(a, a.d_out, c.out_head, c.out_query, c.out_batch, queries);
  atoms::sm90a::backward_maps out{.keys = {cached(c.keys), cached(c.values)}, .rows = {}, .mapped = c.length, .boxed = c.queries > 0 && Words::tile_rows % Problem::group == 0 && fit(q) && fit(d_out)};
  if (out.boxed) out.rows[0] = encode(q), out.rows[1] = encode(d_out);
  return out;
}

/// The walks of a call, found by their words (launch/gpu/attention_backward.hpp).
template <class Leaf, class Words, device_machine Machine, class Problem>
  requires std::same_as<typename Words::operand, tensor_map>
auto attention_backward_on(const Machine& machine, const attention_backward_arguments<Problem>& a) {
  return attention_backward_tensor_body<Leaf, Words, Problem>{a, backward_maps_of<Words>(a, [&](const tensor_shape& of) { return machine.encode(of); })};
}

TENON_KERNELS_END
