#pragma once
// One call of attend, cut into pieces of work: tiles of query rows, and splits of the keys where the tiles alone would leave
// threads idle. How it is cut never shows in a result.

#include <atomic>
#include <cstdint>

#include <tenon/core/memory.hpp>
#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/skeletons/attention_forward.hpp>
#include <tenon/kernels/skeletons/merge_partials.hpp>
#include <tenon/kernels/tuning/attention.hpp>
#include <tenon/policies/cache.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

/// The cut, and the scratch that it takes.
struct attention_cut {
  static constexpr int group_rows = 16;
  int group, tile_queries, tiles, most_rows, splits;
  index dim, dim_v;  // dim_v padded

  attention_cut(const heads& shape, index queries, index length, int split)
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
  /// One thread: its tile, then the states of a partial result and of the merged one.
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

template <class Machine, class Number, class Mask, class Score, class Weighting>
struct attention_call {
  using words = typename Machine::atoms::attention;
  using rows = typename words::rows;
  using state = decltype(state_of<words::group_rows>(Weighting{}));
  using meaning_type = meaning<Mask, Score>;
  static_assert(words::group_rows == attention_cut::group_rows);

  const Machine& machine;
  view<const float, 3> q;  // [query, head, dim]
  const cache_view<Number>& cache;
  view<float, 3> out;          // [query, head, dim_v]
  view<float, 2> log_sum_exp;  // [query, head] or null
  const Mask& mask;
  const Score& score;
  const Weighting& weighting;
  int batch, split;
  float* scratch;

  void run() const {
    const attention_cut cut(cache.shape, q.extent[0], cache.length, split);
    if (cut.over_keys(cache.shape, machine.threads()))
      by_splits(cut);
    else
      by_tiles(cut);
  }

 private:
  // One thread's tile and states.
  struct workplace {
    words tile;
    state *states, *merged;
  };
  workplace at_thread(const attention_cut& cut, int thread) const {
    float* memory = scratch + static_cast<std::size_t>(thread) * cut.thread_floats<words>();
    float* states = memory + cut.tile_floats<words>();
    const workplace made{words(memory, cut.most_rows, cache.shape.dim, static_cast<int>(cut.dim_v)), reinterpret_cast<state*>(states),
                     reinterpret_cast<state*>(states + cut.state_floats())};
    for (std::size_t g = 0; g < cut.groups(); ++g) made.states[g] = made.merged[g] = state_of<words::group_rows>(weighting);
    return made;
  }
  // The rows of one tile of one kv head.
  struct piece {
    int head, first_query, rows;
    meaning_type mean;
  };
  piece at(const attention_cut& cut, int head, int tile) const {
    const int queries = static_cast<int>(q.extent[0]), length = static_cast<int>(cache.length), first = tile * cut.tile_queries;
    const int count = queries - first < cut.tile_queries ? queries - first : cut.tile_queries;
    return {head, first, count * cut.group, meaning_type{mask, score, length - queries + first, head * cut.group, cut.group, batch, length}};
  }
  typename words::template source<Number> source(int head) const {
    return {atoms::cpu_cache<Number>(cache.shape.dim, cache.shape.dim_v, cache.capacity), cache.data, head};
  }
  void hold(const words& m, const piece& p) const {
    const float asked = factor_of(score), factor = asked != 0 ? asked : 1.0f / __builtin_sqrtf(static_cast<float>(cache.shape.dim));
    for (int row0 = 0; row0 < p.rows; row0 += words::group_rows) {
      const float* from[words::group_rows];
      for (int r = 0; r < words::group_rows; ++r)
        from[r] = row0 + r < p.rows ? &q(p.first_query + (row0 + r) / p.mean.group, p.mean.head(row0 + r), 0) : nullptr;
      m.hold(row0 / words::group_rows, factor, from);
    }
  }
  void store(const words& m, const piece& p, const float* sums, const state* states) const {
    for (int row0 = 0; row0 < p.rows; row0 += words::group_rows) {
      const int g = row0 / words::group_rows, count = p.rows - row0 < words::group_rows ? p.rows - row0 : words::group_rows;
      rows logits, factor;
      const float* learned = sinks(weighting);
      if (learned != nullptr)
        for (int r = 0; r < words::group_rows; ++r) logits.at[r] = r < count ? learned[p.mean.head(row0 + r)] : 0.0f;
      states[g].finish(learned == nullptr ? nullptr : logits.at, factor);
      for (int r = 0; r < count; ++r) {
        const int query = p.first_query + (row0 + r) / p.mean.group, head = p.mean.head(row0 + r);
        m.store(&out(query, head, 0), sums + index(row0 + r) * m.dim_v, factor.at[r], cache.shape.dim_v);
        if constexpr (!state::bounded)
          if (log_sum_exp.data != nullptr) log_sum_exp(query, head) = states[g].log_sum_exp(r);
      }
    }
  }

  // Threads take tiles, the last rows first: under a causal mask these are the longest.
  void by_tiles(const attention_cut& cut) const {
    const int count = cut.tiles * cache.shape.kv, threads = machine.threads() < count ? machine.threads() : count;
    std::atomic<int> taken{0};
    machine.parallel(threads, [&](int thread) {
      const workplace b = at_thread(cut, thread);
      for (int item = taken++; item < count; item = taken++) {
        const piece p = at(cut, item % cache.shape.kv, cut.tiles - 1 - item / cache.shape.kv);
        hold(b.tile, p);
        if (cut.splits <= 1) {  // merging with nothing would change nothing
          attention_partial(b.tile, source(p.head), p.mean, p.rows, 0, p.mean.length, b.states);
          store(b.tile, p, b.tile.o, b.states);
        } else {
          attention_forward(b.tile, source(p.head), p.mean, p.rows, p.mean.length, split, b.states, b.merged);
          store(b.tile, p, b.tile.merged, b.merged);
        }
      }
    });
  }

  // Threads take splits of the keys; then each head's partial results are merged in order.
  void by_splits(const attention_cut& cut) const {
    const int count = cut.splits * cache.shape.kv, threads = machine.threads() < count ? machine.threads() : count;
    float* partials = scratch + static_cast<std::size_t>(machine.threads()) * cut.thread_floats<words>();
    const auto partial = [&](int head, int part) {
      return partials + (static_cast<std::size_t>(head) * static_cast<std::size_t>(cut.splits) + static_cast<std::size_t>(part)) * cut.partial_floats(cut.most_rows);
    };
    std::atomic<int> taken{0};
    machine.parallel(threads, [&](int thread) {
      workplace b = at_thread(cut, thread);
      for (int item = taken++, held = -1; item < count; item = taken++) {
        const piece p = at(cut, item / cut.splits, 0);
        const int part = item % cut.splits, from = part * split, to = p.mean.length - from < split ? p.mean.length : from + split;
        if (held != p.head) hold(b.tile, p);
        held = p.head;
        float* sums = partial(p.head, part);
        state* states = reinterpret_cast<state*>(sums + cut.sum_floats(cut.most_rows));
        b.tile.o = sums;
        for (std::size_t g = 0; g < cut.groups(); ++g) states[g] = b.states[g];
        attention_partial(b.tile, source(p.head), p.mean, p.rows, from, to, states);
      }
    });
    const workplace b = at_thread(cut, 0);
    for (int head = 0; head < cache.shape.kv; ++head) {
      const piece p = at(cut, head, 0);
      merge_partials(b.tile, p.rows, cut.splits, b.merged, {partial(head, 0), cut.partial_floats(cut.most_rows), cut.sum_floats(cut.most_rows)});
      store(b.tile, p, b.tile.merged, b.merged);
    }
  }
};

}  // namespace kernel_detail
TENON_KERNELS_END
