#pragma once
// How one call of attend is cut into pieces, and the scratch that this takes: tiles of query rows, and splits of the keys where
// the tiles alone would leave threads idle. How it is cut never shows in a result.

#include <cstddef>

#include <tenon/kernels/shared/online_softmax.hpp>
#include <tenon/kernels/tuning/attention.hpp>
#include <tenon/policies/cache.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

/// The cut of one sequence; of the longest one with the most queries, the scratch of a call.
struct attention_cut {
  static constexpr int group_rows = 16;
  int group, tile_queries, tiles, most_rows, splits;
  index_t dim, dim_v;  // dim_v padded

  attention_cut(const heads& shape, index_t queries, index_t length, int split)
      : group(shape.query / shape.kv),
        tile_queries(tuning::attention_queries(group)),
        tiles(static_cast<int>((queries + tile_queries - 1) / tile_queries)),
        most_rows(static_cast<int>(queries < tile_queries ? queries : tile_queries) * group),
        splits(static_cast<int>((length + split - 1) / split)),
        dim(shape.dim),
        dim_v((shape.dim_v + 15) / 16 * 16) {}

  static std::size_t groups_of(int rows) { return static_cast<std::size_t>((rows + group_rows - 1) / group_rows); }
  std::size_t groups() const { return groups_of(most_rows); }
  std::size_t state_floats() const { return groups() * (sizeof(softmax_state<group_rows>) / sizeof(float)); }
  template <class Words>
  std::size_t tile_floats() const {
    return static_cast<std::size_t>(Words::floats(most_rows, dim, dim_v));
  }
  /// One thread: its tile, then the states of its rows, and of a split that will be merged.
  template <class Words>
  std::size_t thread_floats() const {
    return tile_floats<Words>() + 2 * state_floats();
  }
  /// The most rows whose keys are split over threads: one query, or a few. More rows are work enough as they are.
  int most_split_rows() const { return group > 2 * group_rows ? group : 2 * group_rows; }
  bool over_keys(const heads& shape, int threads) const {
    return threads > 1 && tiles == 1 && most_rows <= most_split_rows() && splits > 1 && shape.kv < 4 * threads;
  }
  /// One partial result of `rows` rows: sums, then states.
  std::size_t sum_floats(int rows) const { return groups_of(rows) * group_rows * static_cast<std::size_t>(dim_v); }
  std::size_t partial_floats(int rows) const { return sum_floats(rows) + groups_of(rows) * (sizeof(softmax_state<group_rows>) / sizeof(float)); }

  template <class Words>
  std::size_t bytes(const heads& shape, int threads) const {
    const int rows = most_rows < most_split_rows() ? most_rows : most_split_rows();
    const std::size_t partials = static_cast<std::size_t>(shape.kv) * static_cast<std::size_t>(splits) * partial_floats(rows);
    return (static_cast<std::size_t>(threads) * thread_floats<Words>() + partials) * sizeof(float);
  }
};

}  // namespace kernel_detail
TENON_KERNELS_END
