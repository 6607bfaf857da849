#pragma once
// Attention on sm_90a. Beside the call of every GPU its kernel takes maps of keys and values, by value, where these are bf16; in a .cu file:
//
//   using words = sm90a_attention<leaf, my_attention>;
//   __global__ void __launch_bounds__(words::threads, 1) kernel(const __grid_constant__ attention_tensor_arguments<my_attention> a) {
//     attention_tensor_kernel<overlapped, leaf, words>(a);
//   }

#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

#include <tenon/kernels/atoms/sm90a/attention.hpp>
#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/launch/gpu/attention_split.hpp>
#include <tenon/kernels/launch/nvidia/attention.hpp>
#include <tenon/kernels/skeletons/attention_forward_overlapped.hpp>
#include <tenon/kernels/tuning/sm90a.hpp>

TENON_KERNELS_BEGIN

/// The tile of a problem.
template <class Problem>
inline constexpr tuning::sm90a::attention_tile sm90a_attention_tile = tuning::sm90a::attention_of<Problem>(kernel_detail::weight_of_scores<Problem>());

namespace kernel_detail {
template <class Leaf, class Problem, int Groups>
using words_on_sm90a = atoms::sm90a::attention_words<Leaf, Problem::dim, sm90a_attention_tile<Problem>.keys, sm90a_attention_tile<Problem>.stages, Groups, problem_keys<Problem>, problem_kept<Problem>,
                                                     tuning::sm90a::waiting(sm90a_attention_tile<Problem>, 64 * Groups, Problem::dim)>;
}  // namespace kernel_detail

/// The words of a problem. `threads`, `shared_bytes` and `block_rows` say how to launch it.
template <class Leaf, class Problem>
using sm90a_attention = kernel_detail::words_on_sm90a<Leaf, Problem, 2>;
/// The words of few rows over many keys: half as many rows, with the bits of the same.
template <class Leaf, class Problem>
using sm90a_attention_split = kernel_detail::words_on_sm90a<Leaf, Problem, 1>;

/// Which skeleton: products one after the other, or the scores of the next keys beside the sums of these.
struct in_order {};
struct overlapped {};
/// That of a problem: what tuning says, and in order where no reference is kept, as under sigmoid.
template <class Problem>
using sm90a_schedule = std::conditional_t<sm90a_attention_tile<Problem>.order == tuning::sm90a::schedule::overlapped &&
                                              !decltype(state_of<1>(std::declval<const typename Problem::weighting&>()))::bounded,
                                          overlapped, in_order>;

/// cache_shape() of a call's keys and values, as the machine encodes it, with `mapped` keys to a sequence; in pages heads from one to the next.
struct cache_maps {
  tensor_map keys, values;
  int mapped, heads_apart = 0;
};
/// Keys and values of 8 bits are no tensors: their rows are copied as runs of bytes.
struct no_maps {};
template <class Problem>
using maps_of_problem = std::conditional_t<kept_number<problem_kept<Problem>>::scaled, no_maps, cache_maps>;
template <class Problem>
struct attention_tensor_arguments {
  attention_arguments<Problem> call;
  maps_of_problem<Problem> maps;
};
/// The same of keys that are split over blocks (launch/gpu/attention_split.hpp).
template <class Problem>
struct attention_tensor_split_arguments {
  attention_split_arguments<Problem> split;
  maps_of_problem<Problem> maps;
};

namespace kernel_detail {
template <class Problem>
int heads_apart(const attention_arguments<Problem>& call) {
  return call.cache_head == 0 ? 0 : static_cast<int>(call.cache_batch / call.cache_head);
}
}  // namespace kernel_detail

/// Keys or values of a call, `mapped` to a sequence, as boxes of one head's `keys` x 64: [batch, kv_head, key, dim]; of a pool [page, kv_head, key, dim].
template <class Problem>
tensor_shape cache_shape(const attention_arguments<Problem>& call, const bf16* first, int batches, int mapped, int keys) {
  const auto bytes = [](index_t elements) { return static_cast<std::uint64_t>(elements) * sizeof(bf16); };
  const auto count = [](int n) { return static_cast<std::uint32_t>(n > 0 ? n : 1); };
  index_t of_batch = call.cache_batch;
  int heads = call.kv_heads;
  if constexpr (std::is_same_v<problem_keys<Problem>, paged_keys>)  // a table names the pages: how many there are nobody asks. Another sequence is other heads
    heads += (batches - 1) * kernel_detail::heads_apart(call), mapped = call.pages.page_keys, batches = std::numeric_limits<int>::max(), of_batch = call.pages.page_stride;
  // A call of one head or one sequence may leave its stride out; a driver wants to hear of one, a multiple of that before it.
  const index_t batch = batches > 1 ? of_batch : heads > 1 ? heads * call.cache_head : index_t{count(mapped)} * Problem::dim;
  const index_t head = heads > 1 ? call.cache_head : batch;
  return {.first = first,
          .element_bytes = sizeof(bf16),
          .axes = 4,
          .extent = {count(Problem::dim), count(mapped), count(heads), count(batches)},
          .stride = {sizeof(bf16), bytes(Problem::dim), bytes(head), bytes(batch)},
          .box = {64, count(keys), 1, 1}};
}

namespace kernel_detail {
template <class Words, class Tile>
TENON_BOTH TENON_INLINE typename Words::source source_of(const Tile& tile, const cache_maps& maps) {
  constexpr bool paged = Words::brought::paged;
  const auto& a = tile.a;
  return {&maps.keys, &maps.values, a.keys, a.values, paged ? a.pages.page_stride : a.cache_batch, a.cache_head, paged ? tile.batch * maps.heads_apart + tile.kv_head() : tile.kv_head(), tile.batch,
          tile.length, maps.mapped, a.pages};
}
template <class Words, class Tile>
TENON_BOTH TENON_INLINE typename Words::source source_of(const Tile& tile, const no_maps&) {
  return tile.source();
}
// The sums and the state of a tile over keys [from, to), from the identity. False: this thread brought the keys instead, and has nothing.
template <class Schedule, class Words, class Tile, class Maps, class State>
TENON_BOTH TENON_INLINE bool attend_tensor(Words& m, const Tile& tile, const Maps& maps, int from, int to, State* state) {
  const auto mean = tile.mean();
  const typename Words::source in = source_of<Words>(tile, maps);
  if (m.produces()) {
    m.produce(in, traversal<typename Tile::meaning_type>{mean, tile.rows, from, to, Words::block_keys});
    return false;
  }
  if constexpr (std::is_same_v<Schedule, overlapped>)
    attention_partial_overlapped(m, in, mean, tile.rows, from, to, state);
  else
    attention_partial(m, in, mean, tile.rows, from, to, state);
  return true;
}
}  // namespace kernel_detail

/// What one thread does. Schedule: in_order or overlapped.
template <class Schedule, class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void attention_tensor_kernel(const attention_tensor_arguments<Problem>& a) {
  using tile_type = attention_tile<Leaf, Words, Problem>;
  const tile_type tile(a.call, tile_type::last_first(a.call));
  if (tile.empty()) return;
  Words m(tile.factor());
  tile.hold(m);
  auto state = tile.state();
  if (kernel_detail::attend_tensor<Schedule>(m, tile, a.maps, 0, tile.length, &state)) tile.store(m, state);
}
/// What one thread does where keys are split over blocks; attention_merge_kernel comes after it.
template <class Schedule, class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void attention_tensor_split_kernel(const attention_tensor_split_arguments<Problem>& a) {
  const attention_split_part<Leaf, Words, Problem> part(a.split);
  if (part.beyond()) return;
  Words m(part.tile.factor());
  part.tile.hold(m);
  auto state = part.tile.state();
  if (kernel_detail::attend_tensor<Schedule>(m, part.tile, a.maps, part.from, part.to, &state)) part.store(m, state);
}

/// The kernels, as every machine of GPUs launches them.
template <class Schedule, class Leaf, class Words, class Problem>
struct attention_tensor_body {
  attention_tensor_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { attention_tensor_kernel<Schedule, Leaf, Words>(a); }
};
template <class Schedule, class Leaf, class Words, class Problem>
struct attention_tensor_split_body {
  attention_tensor_split_arguments<Problem> a;
  static constexpr int threads = Words::threads;
  TENON_BOTH void operator()() const { attention_tensor_split_kernel<Schedule, Leaf, Words>(a); }
};

namespace kernel_detail {
// Words whose block has threads that bring what the others compute with.
template <class Words>
concept words_that_bring = requires { typename Words::brought; };

template <words_that_bring Words, device_machine Machine, class Problem>
maps_of_problem<Problem> maps_of(const Machine& machine, const attention_arguments<Problem>& a, index_t batches, index_t reach) {
  if constexpr (Words::scaled) {
    return {};
  } else {
    if (std::is_same_v<problem_keys<Problem>, paged_keys> && batches > 1 && a.cache_head != 0 && a.cache_batch % a.cache_head != 0)
      throw error("[cache_batch] of a call in pages is ", a.cache_batch, ": on sm_90a sequences lie whole heads, of ", a.cache_head, ", apart. Fix: a multiple of cache_head.");
    const int mapped = static_cast<int>(reach);
    const auto map = [&](const bf16* first) { return machine.encode(cache_shape(a, first, static_cast<int>(batches), mapped, Words::block_keys)); };
    return {map(a.keys), map(a.values), mapped, heads_apart(a)};
  }
}
}  // namespace kernel_detail

/// The kernels of a call, found by their words (launch/gpu/attention.hpp, attention_split.hpp).
template <kernel_detail::words_that_bring Words, device_machine Machine, class Problem>
auto attention_on(const Machine& machine, const attention_arguments<Problem>& a, index_t batches, index_t reach) {
  return attention_tensor_body<sm90a_schedule<Problem>, typename Machine::leaf, Words, Problem>{{a, kernel_detail::maps_of<Words>(machine, a, batches, reach)}};
}
template <kernel_detail::words_that_bring Words, device_machine Machine, class Problem>
auto attention_split_on(const Machine& machine, const attention_split_arguments<Problem>& a, index_t batches, index_t reach) {
  return attention_tensor_split_body<sm90a_schedule<Problem>, typename Machine::leaf, Words, Problem>{{a, kernel_detail::maps_of<Words>(machine, a.call, batches, reach)}};
}

TENON_KERNELS_END
