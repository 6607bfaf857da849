#pragma once
// One call of attend: pieces of work over threads. Policies enter in one place, attention_policies::walk; the rest is compiled
// once per machine and kind of state, however many masks, scores and caches a program has.

#include <atomic>
#include <cstddef>

#include <tenon/core/memory.hpp>
#include <tenon/kernels/launch/attention_cut.hpp>
#include <tenon/kernels/launch/cache.hpp>
#include <tenon/kernels/skeletons/attention_forward.hpp>
#include <tenon/kernels/skeletons/merge_partials.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

/// The rows of one tile of one kv head, and which keys there are.
struct attention_piece {
  int head, first_query, rows;  ///< first_query: within the sequence's part of q
  int first_position, group, batch, length;
};

/// One sequence of a call, its kv head 0.
template <class Machine, class Number>
typename Machine::atoms::attention::source sequence_at(const void* caches, int b) {
  const auto& cache = static_cast<const cache_view<Number>*>(caches)[b];
  return {Machine::atoms::attention::template numbers<Number>(), page_layout_of(cache), cache.data, cache.pages, page_stride_of(cache), cache.length, 0};
}

/// A mask and a score, and the walks over keys that they mean.
template <class Words, class State, class Mask, class Score>
struct attention_policies {
  Mask mask;
  Score score;

  /// Keys [from, to) of a piece, in splits of `split`, to `states` and m.sums. next: room for as many states.
  static void walk(const void* self, const Words& m, const typename Words::source& in, const attention_piece& p, int from, int to, int split, State* states, State* next) {
    const auto& own = *static_cast<const attention_policies*>(self);
    const meaning<Mask, Score> mean{own.mask, own.score, p.first_position, p.head * p.group, p.group, p.batch, p.length};
    attention_forward(m, in, mean, p.rows, from, to, split, states, next);
  }
};

/// From the sink logits of a query to those of the next: 1 for a weighting that has one for each row, 0 where all share them.
template <class Weighting>
inline constexpr index_t sinks_apart = requires(const Weighting& w) { w.of_row; } ? 1 : 0;

/// The same without their types.
template <class Machine, class State>
struct erased_policies {
  using words = typename Machine::atoms::attention;
  const void* object;
  void (*walk)(const void* object, const words&, const typename words::source&, const attention_piece&, int from, int to, int split, State* states, State* next);
  float factor;         ///< of q . k; 0: 1/sqrt(dim)
  const float* sinks;   ///< logits [head], or null
  index_t sinks_apart;
};

template <class Machine, class State>
struct attention_call {
  using words = typename Machine::atoms::attention;
  using rows = typename words::rows;
  static_assert(words::group_rows == attention_cut::group_rows);

  const Machine& machine;
  heads shape;
  readable<3> q;               // [query, head, dim]
  writable<3> out;             // [query, head, dim_v]
  view<float, 2> log_sum_exp;  // [query, head] or null
  const void* caches;
  typename words::source (*sequence_at)(const void* caches, int b);
  const index_t* first_query;
  int sequences, first_batch;
  erased_policies<Machine, State> policies;
  float factor;
  State identity;
  int split;
  float* scratch;

  void run() const {
    index_t most_queries = 0, longest = 0, items = 0;
    for (int b = 0; b < sequences; ++b) {
      const index_t queries = queries_of(b), length = sequence_at(caches, b).length;
      most_queries = queries > most_queries ? queries : most_queries, longest = length > longest ? length : longest;
      items += attention_cut(shape, queries, length, split).tiles * shape.kv;
    }
    const attention_cut most(shape, most_queries, longest, split);
    if (items >= 4 * machine.threads() || machine.threads() == 1) return by_tiles(most, 0, sequences, items);
    for (int b = 0; b < sequences; ++b) {
      const attention_cut cut(shape, queries_of(b), sequence_at(caches, b).length, split);
      if (queries_of(b) > 0 && cut.over_keys(shape, machine.threads()))
        by_splits(cut, b);
      else
        by_tiles(cut, b, b + 1, cut.tiles * shape.kv);
    }
  }

 private:
  index_t queries_of(int b) const { return first_query[b + 1] - first_query[b]; }

  // One thread's tile and states.
  struct workplace {
    words tile;
    State *states, *next;
  };
  workplace at_thread(const attention_cut& cut, int thread) const {
    float* memory = scratch + static_cast<std::size_t>(thread) * cut.thread_floats<words>();
    float* states = memory + cut.tile_floats<words>();
    const workplace made{words(memory, cut.most_rows, shape.dim, static_cast<int>(cut.dim_v)), reinterpret_cast<State*>(states), reinterpret_cast<State*>(states + cut.state_floats())};
    for (std::size_t g = 0; g < cut.groups(); ++g) made.states[g] = made.next[g] = identity;
    return made;
  }
  attention_piece at(const attention_cut& cut, int b, index_t length, int head, int tile) const {
    const int queries = static_cast<int>(queries_of(b)), first = tile * cut.tile_queries;
    const int count = queries - first < cut.tile_queries ? queries - first : cut.tile_queries;
    return {head, first, count * cut.group, static_cast<int>(length) - queries + first, cut.group, first_batch + b, static_cast<int>(length)};
  }
  index_t row_query(const attention_piece& p, int row) const { return first_query[p.batch - first_batch] + p.first_query + row / p.group; }
  static int row_head(const attention_piece& p, int row) { return p.head * p.group + row % p.group; }

  void hold(const words& m, const attention_piece& p, const typename words::source& in) const {
    float room[words::group_rows * 576];
    for (int row0 = 0; row0 < p.rows; row0 += words::group_rows) {
      const float* from[words::group_rows];
      for (int r = 0; r < words::group_rows; ++r)
        from[r] = row0 + r < p.rows ? as_floats(q.row(row_query(p, row0 + r), row_head(p, row0 + r)), q.kind, room + r * 576, shape.dim) : nullptr;
      m.hold(row0 / words::group_rows, factor, from, in);
    }
  }
  // The rows of q or out that a piece touches: those of one head lie far apart, and no prefetcher foresees the next.
  template <class Rows>
  void ask(const words& m, const Rows& of, const attention_piece& p, int width) const {
    m.coming.add(of.row(row_query(p, 0), row_head(p, 0)), p.group * width * of.bytes(), p.rows / p.group, of.stride[0] * of.bytes());
  }
  void store(const words& m, const attention_piece& p, const State* states) const {
    for (int row0 = 0; row0 < p.rows; row0 += words::group_rows) {
      const int g = row0 / words::group_rows, count = p.rows - row0 < words::group_rows ? p.rows - row0 : words::group_rows;
      rows logits, by;
      const float* sinks = policies.sinks;
      if (sinks != nullptr)
        for (int r = 0; r < words::group_rows; ++r) logits.at[r] = r < count ? sinks[row_query(p, row0 + r) * policies.sinks_apart + row_head(p, row0 + r)] : 0.0f;
      states[g].finish(sinks == nullptr ? nullptr : logits.at, by);
      for (int r = 0; r < count; ++r) {
        const index_t query = row_query(p, row0 + r);
        const int head = row_head(p, row0 + r);
        float room[576];
        std::byte* to = out.row(query, head);
        m.store(out.kind == float_kind::f32 ? reinterpret_cast<float*>(to) : room, m.sums(g) + index_t(r) * m.dim_v, by.at[r], shape.dim_v);
        if (out.kind != float_kind::f32) from_floats(room, out.kind, to, shape.dim_v);
        if constexpr (!State::bounded)
          if (log_sum_exp.data != nullptr) log_sum_exp(query, head) = states[g].log_sum_exp(r);
      }
    }
  }

  // Threads take tiles of sequences [first, last), head by head, so that a head's keys stay near, and its last rows first: under a
  // causal mask these are the longest.
  void by_tiles(const attention_cut& most, int first, int last, index_t count) const {
    std::atomic<index_t> taken{0};
    machine.parallel(machine.threads() < count ? machine.threads() : static_cast<int>(count), [&](int thread) { take_tiles(at_thread(most, thread), first, last, taken); });
  }
  void take_tiles(const workplace& place, int first, int last, std::atomic<index_t>& taken) const {
    index_t before = 0, item = taken++;  // `before`: items of the sequences before b
    for (int b = first; b < last; ++b) {
      typename words::source sequence = sequence_at(caches, b);
      const attention_cut cut(shape, queries_of(b), sequence.length, split);
      const index_t items = index_t{cut.tiles} * shape.kv;
      const auto piece = [&](index_t which) {
        const int own = static_cast<int>(which - before);
        return at(cut, b, sequence.length, own / cut.tiles, cut.tiles - 1 - own % cut.tiles);
      };
      for (index_t next; item - before < items; item = next) {
        next = taken++;
        const attention_piece p = piece(item);
        sequence.head = p.head;
        hold(place.tile, p, sequence);
        ask(place.tile, out, p, shape.dim_v);
        if (next - before < items) ask(place.tile, q, piece(next), shape.dim);
        policies.walk(policies.object, place.tile, sequence, p, 0, p.length, split, place.states, place.next);
        store(place.tile, p, place.states);
      }
      before += items;
    }
  }

  // Threads take splits of one sequence's keys; then each head's partial results are merged in order.
  void by_splits(const attention_cut& cut, int b) const {
    const int count = cut.splits * shape.kv;
    std::atomic<int> taken{0};
    machine.parallel(machine.threads() < count ? machine.threads() : count, [&](int thread) { take_splits(cut, b, at_thread(cut, thread), taken); });
    const workplace place = at_thread(cut, 0);
    for (int head = 0; head < shape.kv; ++head) {
      const attention_piece p = at(cut, b, sequence_at(caches, b).length, head, 0);
      merge_partials(place.tile, p.rows, cut.splits, place.states, {partial(cut, head, 0), cut.partial_floats(cut.most_rows), cut.sum_floats(cut.most_rows)});
      store(place.tile, p, place.states);
    }
  }
  void take_splits(const attention_cut& cut, int b, workplace place, std::atomic<int>& taken) const {
    typename words::source sequence = sequence_at(caches, b);
    for (int item = taken++, held = -1; item < cut.splits * shape.kv; item = taken++) {
      const attention_piece p = at(cut, b, sequence.length, item / cut.splits, 0);
      const int part = item % cut.splits, from = part * split, to = p.length - from < split ? p.length : from + split;
      if (held != p.head) hold(place.tile, p, sequence);
      held = sequence.head = p.head;
      float* sums = partial(cut, p.head, part);
      State* states = reinterpret_cast<State*>(sums + cut.sum_floats(cut.most_rows));
      place.tile.o = sums;
      for (std::size_t g = 0; g < cut.groups(); ++g) states[g] = place.states[g];
      policies.walk(policies.object, place.tile, sequence, p, from, to, split, states, place.next);
    }
  }
  // The partial result of one head over one split: sums, then states.
  float* partial(const attention_cut& cut, int head, int part) const {
    const std::size_t which = static_cast<std::size_t>(head) * static_cast<std::size_t>(cut.splits) + static_cast<std::size_t>(part);
    return scratch + static_cast<std::size_t>(machine.threads()) * cut.thread_floats<words>() + which * cut.partial_floats(cut.most_rows);
  }
};

}  // namespace kernel_detail
TENON_KERNELS_END
