#pragma once
// Attention on a GPU: what a kernel is given, and what each of its threads does. The body is a template over the words of a machine, so
// that a __global__ function, the simulated machine and the tests of PTX run the same text. A problem is a named struct of types:
//
//   struct my_attention {
//     using mask = causal; using score = scaled; using weighting = softmax; using out = bf16;
//     static constexpr int dim = 128, group = 1;
//   };
//
// `using number = f16;` in it says what q, keys and values are where that is not bf16; `using kept = int8_per_128;` that keys and values are kept in 8 bits, `using
// keys = paged_keys;` in pages; `using counted_rows = void;` that each sequence has as many queries as `queries_at` says.
//
// Grid: x = tiles of rows, y = heads (kv heads where group > 1), z = batch. Order of summation: `sequential`, one chain over the keys.

#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/gpu/problem.hpp>
#include <tenon/kernels/shared/device_kept.hpp>
#include <tenon/kernels/shared/device_rows.hpp>
#include <tenon/kernels/shared/device_scores.hpp>
#include <tenon/kernels/shared/unroll.hpp>
#include <tenon/kernels/skeletons/attention_forward.hpp>

TENON_KERNELS_BEGIN

/// What the kernel of a problem is given. Strides count elements; every row of `dim` numbers is dense and aligned to 16 bytes.
template <class Problem>
struct attention_arguments {
  using mask_type = typename Problem::mask;
  using score_type = typename Problem::score;
  using weighting_type = typename Problem::weighting;
  using out_type = typename Problem::out;
  using number = problem_number<Problem>;
  using kept = typename kept_number<problem_kept<Problem>>::storage;

  const number* q;            ///< [batch, query, head, dim]
  const kept *keys, *values;  ///< [batch, kv_head, key, dim]: keys dense, `dim` apart
  out_type* out;                ///< [batch, query, head, dim]
  float* log_sum_exp;           ///< [batch, query, head] dense, natural; or null
  const int* lengths;           ///< [batch]: keys of each sequence; or null: all have `length`
  const int* queries_at;        ///< [batch]: queries of each sequence, `queries` at most; of problems with counted_rows
  int queries, length;          ///< of each sequence; query i stands at position length - after - queries + i
  int before, after;            ///< queries of the sequence that come before and after these, in other launches
  int heads, kv_heads;
  index_t q_batch, q_query, q_head;        ///< strides of q
  index_t out_batch, out_query, out_head;  ///< strides of out
  index_t cache_batch, cache_head;         ///< strides of keys and values; in pages: within a page, or from those of one sequence to the next's, on sm_90a a multiple of cache_head
  page_table pages;                        ///< of problems whose keys lie in them: those of the one sequence
  index_t scales;                          ///< of problems whose keys share some: bytes from the first of the keys, and of the values, to theirs
  index_t scaled_batch;                    ///< of these where each sequence has a cache of its own: in place of cache_batch
  mask_type mask;
  score_type score;
  weighting_type weighting;
};

namespace kernel_detail {
/// Of q . k.
template <class Problem>
TENON_BOTH TENON_INLINE float score_factor(const typename Problem::score& score) {
  const float asked = factor_of(score);
  return asked != 0 ? asked : 1.0f / __builtin_sqrtf(static_cast<float>(Problem::dim));
}
}  // namespace kernel_detail

/// One block's tile of rows: which they are, what policies mean for them, and where they go.
template <class Leaf, class Words, class Problem>
struct attention_tile {
  static constexpr int group = Problem::group, tile_queries = Words::block_rows / group;
  static constexpr bool counts_rows = requires { typename Problem::counted_rows; };
  using meaning_type = meaning<typename Problem::mask, typename Problem::score, group>;

  const attention_arguments<Problem>& a;
  int batch, first_head, first, rows, length;  ///< first: the tile's first query. Where rows are counted there may be none

  TENON_BOTH TENON_INLINE attention_tile(const attention_arguments<Problem>& arguments, int tile)
      : a(arguments), batch(Leaf::block_z()), first_head(Leaf::block_y() * group), first(tile * tile_queries) {
    const int all = queries(), left = (counts_rows && all < a.queries ? all : a.queries) - first;
    rows = (left < tile_queries ? left : tile_queries) * group;
    length = a.lengths == nullptr ? a.length : Leaf::load(a.lengths + batch);
  }
  /// Of the sequence, from those of this launch on.
  TENON_BOTH TENON_INLINE int queries() const {
    if constexpr (counts_rows)
      return Leaf::load(a.queries_at + batch) - a.before;
    else
      return a.queries + a.after;
  }
  TENON_BOTH TENON_INLINE bool empty() const { return counts_rows && rows <= 0; }
  TENON_BOTH TENON_INLINE meaning_type mean() const { return {a.mask, a.score, length - queries() + first, first_head, group, batch, length}; }
  /// Of q . k.
  TENON_BOTH TENON_INLINE float factor() const { return kernel_detail::score_factor<Problem>(a.score); }
  /// Bits per unit of a score as the words see it: without its factor, where that is all of the score.
  TENON_BOTH TENON_INLINE float base() const { return meaning_type::plain ? (factor() < 0 ? -factor() : factor()) * log2_e : log2_e; }
  TENON_BOTH TENON_INLINE auto state() const { return device_state_of<Leaf, Words::lane_rows>(a.weighting, base()); }
  TENON_BOTH TENON_INLINE void hold(Words& m) const {
    m.hold(device_rows<const typename attention_arguments<Problem>::number, group>{a.q + batch * a.q_batch + first * a.q_query + first_head * a.q_head, a.q_query, a.q_head}, rows, meaning_type::plain && factor() < 0);
  }
  TENON_BOTH TENON_INLINE int kv_head() const { return first_head / (a.heads / a.kv_heads); }
  TENON_BOTH TENON_INLINE typename Words::source source() const {
    const index_t head = batch * a.cache_batch + kv_head() * a.cache_head;
    constexpr bool paged = std::is_same_v<problem_keys<Problem>, paged_keys>, scaled = kept_number<problem_kept<Problem>>::scaled;
    [[maybe_unused]] const index_t before = batch * a.scaled_batch;
    if constexpr (paged && scaled)
      return {{a.keys + before, a.values + before, head, length, a.pages}, a.scales};
    else if constexpr (scaled)
      return {{a.keys + before, a.values + before, head, length}, a.scales};
    else if constexpr (paged)
      return {a.keys, a.values, head, length, a.pages};
    else
      return {a.keys, a.values, head, length};
  }
  /// What the sums of a row are multiplied with, row `share` of the state.
  template <class State>
  TENON_BOTH TENON_INLINE float factor_of_row(const State& state, int share, int row) const {
    const float* learned = sinks(a.weighting);
    return state.factor(share, learned != nullptr, learned == nullptr ? 0.0f : Leaf::load(learned + head_of(row)));
  }
  /// The query head of a row: its own origin's, where rows were gathered; any where the tile has no such row.
  TENON_BOTH TENON_INLINE int head_of(int row) const {
    if constexpr (requires { a.weighting.rows; })
      return Leaf::load(&a.weighting.rows[length - queries() + first + (row < rows ? row : 0) + Leaf::load(a.weighting.offset + batch)].head);
    else
      return first_head + row % group;
  }
  template <class State>
  TENON_BOTH TENON_INLINE void store_log_sum_exp(const State& state, int share, int row) const {
    if constexpr (!State::bounded)
      if (a.log_sum_exp != nullptr) Leaf::store(a.log_sum_exp + (index_t{batch} * a.queries + first + row / group) * a.heads + first_head + row % group, state.log_sum_exp(share));
  }
  TENON_BOTH TENON_INLINE device_rows<typename Problem::out, group> out() const {
    return {a.out + batch * a.out_batch + first * a.out_query + first_head * a.out_head, a.out_query, a.out_head};
  }
  /// The results of the tile's rows, and their log-sum-exp, from its sums and states.
  template <class State>
  TENON_BOTH TENON_INLINE void store(const Words& m, const State& state) const {
    row_values<Words::lane_rows> by;
    const int lane = Words::lane();
    unroll<Words::lane_rows>([&](auto share) TENON_LAMBDA {
      constexpr int r = decltype(share)::value;  // its conversion to int is a function of the host
      const int row = m.row_of(lane, r);
      by.at[r] = factor_of_row(state, r, row);
      if (row < rows && Words::speaks(lane)) store_log_sum_exp(state, r, row);
    });
    m.store(out(), rows, by);
  }
  /// This block's tile: the last rows first, since under a causal mask these are the longest.
  TENON_BOTH TENON_INLINE static int last_first(const attention_arguments<Problem>& a) { return (a.queries + tile_queries - 1) / tile_queries - 1 - Leaf::block_x(); }
};

/// What one thread does.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void attention_kernel(const attention_arguments<Problem>& a) {
  using tile_type = attention_tile<Leaf, Words, Problem>;
  const tile_type tile(a, tile_type::last_first(a));
  if (tile.empty()) return;
  Words m(tile.factor());
  tile.hold(m);
  auto state = tile.state();
  attention_partial(m, tile.source(), tile.mean(), tile.rows, 0, tile.length, &state);
  tile.store(m, state);
}

/// The kernel, as every machine of GPUs launches it: machine.launch(grid, {threads}, Words::shared_bytes, attention_body<Leaf, Words, Problem>{a}).
template <class Leaf, class Words, class Problem>
struct attention_body {
  attention_arguments<Problem> a;
  static constexpr int threads = Words::threads, blocks = 2;  // one computes while the other waits
  TENON_BOTH void operator()() const { attention_kernel<Leaf, Words>(a); }
};
/// That of a call over `batches` sequences of up to `reach` keys. Where it takes more than the call, an overload for its words says so.
template <class Words, device_machine Machine, class Problem>
auto attention_on(const Machine&, const attention_arguments<Problem>& a, index_t, index_t) {
  return attention_body<typename Machine::leaf, Words, Problem>{a};
}

TENON_KERNELS_END
