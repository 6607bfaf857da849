#pragma once
// Attention of few rows over many keys: blocks of a first kernel take splits of the keys, a second one merges their results in order of the
// keys. Order of summation: `fixed_split` of `split` keys, counted from key 0, so that a row's bits depend neither on the grid nor on its
// company. `call` is as in launch/gpu/attention.hpp; heads of a group share a tile, so that keys are read once.
//
// Grids: first x = splits x tiles of rows, second x = tiles of rows; y = heads / group, z = batch.

#include <tenon/kernels/launch/gpu/attention.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN

/// What both kernels are given. `partials`: attention_partial_floats() per split, tile, head and sequence, aligned to 16 bytes.
template <class Problem>
struct attention_split_arguments {
  attention_arguments<Problem> call;
  float* partials;
  int split, splits;  ///< keys of a split, a multiple of 128; how many the grid has: those that start beyond a sequence's end do nothing
};

/// Floats of one partial result: sums [row][dim], then of each row the greatest score, its reference, the total, and one unused; under sigmoid, whose parts
/// are sums alone, nobody looks at these.
template <class Words, class Problem>
consteval int attention_partial_floats() {
  return Words::block_rows * (Problem::dim + 4);
}

namespace kernel_detail {
template <class Words, class Problem>
TENON_BOTH TENON_INLINE float* attention_partial_at(const attention_split_arguments<Problem>& a, int batch, int head_group, int tile, int split) {
  constexpr int tile_queries = Words::block_rows / Problem::group, floats = attention_partial_floats<Words, Problem>();
  const int tiles = (a.call.queries + tile_queries - 1) / tile_queries;
  return a.partials + (((index_t{batch} * (a.call.heads / Problem::group) + head_group) * tiles + tile) * a.splits + split) * floats;
}
}  // namespace kernel_detail

/// One block's tile and split, of the first kernel.
template <class Leaf, class Words, class Problem>
struct attention_split_part {
  const attention_split_arguments<Problem>& a;
  int split, number;  ///< of this block
  attention_tile<Leaf, Words, Problem> tile;
  int from, to;  ///< keys

  TENON_BOTH TENON_INLINE explicit attention_split_part(const attention_split_arguments<Problem>& arguments)
      : a(arguments), split(Leaf::block_x() % a.splits), number(Leaf::block_x() / a.splits), tile(a.call, number), from(split * a.split),
        to(tile.length < from + a.split ? tile.length : from + a.split) {}
  /// Whether the sequence ends before it, or has no rows there. The first split of rows has a result in any case.
  TENON_BOTH TENON_INLINE bool beyond() const { return (from >= tile.length && split > 0) || tile.empty(); }
  /// The tile's sums and states, to where the second kernel finds them.
  template <class State>
  TENON_BOTH TENON_INLINE void store(const Words& m, const State& state) const {
    float* const partial = kernel_detail::attention_partial_at<Words>(a, Leaf::block_z(), Leaf::block_y(), number, split);
    if constexpr (!State::bounded) {
      const int lane = Words::lane();
      unroll<Words::lane_rows>([&](auto share) TENON_LAMBDA {
        constexpr int r = decltype(share)::value;
        const int row = m.row_of(lane, r);
        if (row < tile.rows && Words::speaks(lane))
          Leaf::store(reinterpret_cast<bits128*>(partial + Words::block_rows * Problem::dim + 4 * row),
                      bits128{{bit_cast<std::uint32_t>(state.top.at[r]), bit_cast<std::uint32_t>(state.reference.at[r]), bit_cast<std::uint32_t>(state.total.at[r]), 0u}});
      });
    }
    typename Words::rows whole;
    whole.fill(1);
    m.store(device_rows<float, 1>{partial, Problem::dim, 0}, tile.rows, whole);
  }
};

/// What one thread of the first kernel does: the sums and states of one tile over one split.
template <class Leaf, class Words, class Problem>
TENON_BOTH TENON_INLINE void attention_split_kernel(const attention_split_arguments<Problem>& a) {
  const attention_split_part<Leaf, Words, Problem> part(a);
  if (part.beyond()) return;
  Words m(part.tile.factor());
  part.tile.hold(m);
  auto state = part.tile.state();
  attention_partial(m, part.tile.source(), part.tile.mean(), part.tile.rows, part.from, part.to, &state);
  part.store(m, state);
}

/// What one thread of the second kernel, of `Threads`, does: its share of the merged rows of one tile, four dims at a time.
template <class Leaf, class Words, int Threads, class Problem>
TENON_BOTH TENON_INLINE void attention_merge_kernel(const attention_split_arguments<Problem>& a) {
  constexpr int dim = Problem::dim, per_row = dim / 4;
  using out_type = typename Problem::out;
  const attention_tile<Leaf, Words, Problem> tile(a.call, Leaf::block_x());
  const float* const first = kernel_detail::attention_partial_at<Words>(a, Leaf::block_z(), Leaf::block_y(), Leaf::block_x(), 0);
  const int splits = (tile.length + a.split - 1) / a.split;
  for (int item = Leaf::thread(); item < tile.rows * per_row; item += Threads) {
    const int row = item / per_row, column = item % per_row * 4;
    auto merged = device_state_of<Leaf, 1>(a.call.weighting, tile.base());
    merged.clear();
    float sums[4] = {};
    for (int i = 0; i < splits; ++i) {
      const float* const partial = first + index_t{i} * attention_partial_floats<Words, Problem>();
      const bits128 of_sums = Leaf::load(reinterpret_cast<const bits128*>(partial + row * dim + column));
      auto next = merged;
      if constexpr (!decltype(merged)::bounded) {
        const bits128 of_state = Leaf::load(reinterpret_cast<const bits128*>(partial + Words::block_rows * dim + 4 * row));
        next.top.at[0] = bit_cast<float>(of_state.word[0]), next.reference.at[0] = bit_cast<float>(of_state.word[1]), next.total.at[0] = bit_cast<float>(of_state.word[2]);
      }
      const merge_factors<1> by = merged.merge(next);
      for (int e = 0; e < 4; ++e) sums[e] = by.left.at[0] * sums[e] + by.right.at[0] * bit_cast<float>(of_sums.word[e]);
    }
    const float factor = tile.factor_of_row(merged, 0, row);
    if (column == 0) tile.store_log_sum_exp(merged, 0, row);
    for (float& sum : sums) sum = factor == 0 ? 0.0f : sum * factor;
    out_type* const to = tile.out()(row) + column;
    if constexpr (sizeof(out_type) == 4)
      Leaf::store(reinterpret_cast<bits128*>(to), bits128{{bit_cast<std::uint32_t>(sums[0]), bit_cast<std::uint32_t>(sums[1]), bit_cast<std::uint32_t>(sums[2]), bit_cast<std::uint32_t>(sums[3])}});
    else
      Leaf::store(reinterpret_cast<bits64*>(to), bits64{{Leaf::pack_bf16(sums[0], sums[1]), Leaf::pack_bf16(sums[2], sums[3])}});
  }
}

/// The two kernels, as every machine of GPUs launches them. The second has no shared memory.
template <class Leaf, class Words, class Problem>
struct attention_split_body {
  attention_split_arguments<Problem> a;
  static constexpr int threads = Words::threads, blocks = 2;
  TENON_BOTH void operator()() const { attention_split_kernel<Leaf, Words>(a); }
};
/// That of a call over `batches` sequences of up to `reach` keys. Where it takes more than the call, an overload for its words says so.
template <class Words, device_machine Machine, class Problem>
auto attention_split_on(const Machine&, const attention_split_arguments<Problem>& a, index_t, index_t) {
  return attention_split_body<typename Machine::leaf, Words, Problem>{a};
}
template <class Leaf, class Words, class Problem>
struct attention_merge_body {
  attention_split_arguments<Problem> a;
  static constexpr int threads = 128;
  TENON_BOTH void operator()() const { attention_merge_kernel<Leaf, Words, threads>(a); }
};

TENON_KERNELS_END
