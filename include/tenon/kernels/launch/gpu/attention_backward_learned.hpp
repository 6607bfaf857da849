#pragma once
// The gradients of what scores learn on a GPU, after attention_backward_rows_kernel: d loss / d s summed up over all scores that a learned stage cannot
// tell apart (policies/learned.hpp), and handed to it.
//
//   attention_backward_learned_body   grid its blocks(), kv heads, batch   the sums of one stage
//   attention_backward_deliver_body   grid its blocks()                    its `learn`: an operand hears of its sums in the order of a processor
//
// attend_backward (launch/gpu/attend_backward.hpp) starts them. A block owns its sums: a tile of queries and all keys; `places` distances, and of each tile
// of queries the keys at these; or `places` keys and all queries. So there are no atomics and no parts, and a sum's bits depend on neither the grid nor
// its order.

#include <tenon/kernels/launch/gpu/attention_backward.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

template <int Stage, class Problem>
using learned_stage_of = std::remove_cvref_t<decltype(learned_stage<Stage>(std::declval<const typename Problem::score&>()))>;

/// Where the sums of a stage, sequence and head begin: [stage][batch][kv_head][head of the group][queries + keys].
template <class Problem>
TENON_BOTH TENON_INLINE index_t learned_place(const attention_backward_arguments<Problem>& a, int stage, int batch, int kv_head, int head) {
  return (((index_t{stage} * a.batch + batch) * a.call.kv_heads + kv_head) * Problem::group + head) * (a.call.queries + a.call.length);
}

}  // namespace kernel_detail

/// Floats of `learned_sums`.
template <class Problem>
index_t attention_backward_learned_floats(const attention_backward_arguments<Problem>& a) {
  return kernel_detail::learned_place(a, learned_stages<typename Problem::score>, 0, 0, 0);
}

/// Stage `Stage` of the score, over words that keep rows.
template <class Leaf, class Words, int Stage, class Problem>
struct attention_backward_learned_body {
  using address = typename Leaf::address;
  static constexpr per kind = kernel_detail::learned_stage_of<Stage, Problem>::learned;
  static constexpr int threads = Words::threads, group = Problem::group, tile_queries = Words::tile_rows / group;
  static constexpr int places = kind == per::query ? tile_queries : kind == per::key ? 128 : threads / group;  ///< of a block
  static constexpr int left_keys = Words::left_keys, pitch = Words::left_pitch, row_parts = threads / left_keys;
  static constexpr address room_at = (Words::shared_bytes + 15) / 16 * 16, slots_at = room_at + Words::tile_rows * pitch * 4;
  static constexpr int shared_bytes = static_cast<int>(slots_at) + (kind == per::key ? places * row_parts * 4 : 0);
  static_assert(group <= threads && (kind != per::key || places % Words::block_keys == 0));

  attention_backward_arguments<Problem> a;

  /// Blocks along x.
  int blocks() const {
    const int all = kind == per::query ? a.call.queries : kind == per::key ? a.call.length : a.call.queries + a.call.length - 1;
    return all < 1 ? 0 : (all + places - 1) / places;
  }

  TENON_BOTH void operator()() const {
    const kernel_detail::backward_part<Leaf, Problem> part(a);
    const int first = Leaf::block_x() * places, queries = a.call.queries;
    float sum = 0;
    if constexpr (kind == per::key)
      for (int i = Leaf::thread(); i < places * row_parts; i += threads) Leaf::store_shared(slot(i), 0.0f);
    const int begin = kind == per::query ? first : 0, end = kind == per::query && first + tile_queries < queries ? first + tile_queries : queries;
    for (int query = begin; query < end; query += tile_queries) {
      const int count = queries - query < tile_queries ? queries - query : tile_queries;
      const int shift = part.length - queries + query;  // where the first of them stands
      int from = kind == per::query ? 0 : first, to = kind == per::query ? part.length : first + places;
      if constexpr (kind == per::distance) from += shift - (part.length - 1), to += shift + count - 1 - (part.length - 1);
      from = from < 0 ? 0 : from / Words::block_keys * Words::block_keys, to = to < part.length ? to : part.length;
      if (from >= to) continue;
      if (!Words::meets_between_blocks && query > begin) Leaf::barrier();  // all are done with the tile before
      Words m(part.factor());
      const learned_meaning<typename kernel_detail::backward_part<Leaf, Problem>::meaning_type, Stage> mean{part.mean(query)};
      attention_backward_learned(m, part.template source<Words>(query), mean, count * group, from, to, part.slopes(), Leaf::shared() + room_at, [&](int key0, int) TENON_LAMBDA {
        Leaf::barrier();
        if constexpr (kind == per::query)
          sum += of_row(Leaf::thread(), count * group);
        else if constexpr (kind == per::distance)
          sum += of_distance(first + Leaf::thread() / group - (part.length - 1) + shift - key0, Leaf::thread() % group, count);
        else
          add_keys(key0 - first, count * group);
        if constexpr (!Words::meets_between_blocks) Leaf::barrier();  // before the next block is left there
      });
    }
    store(part, first, sum);
  }

 private:
  TENON_BOTH TENON_INLINE static address slot(int i) { return Leaf::shared() + slots_at + static_cast<address>(4 * i); }
  TENON_BOTH TENON_INLINE static float left(int row, int key) { return Leaf::template load_shared<float>(Leaf::shared() + room_at + static_cast<address>(4 * (row * pitch + key))); }
  // Neighbouring threads begin at neighbouring keys, in different banks.
  TENON_BOTH TENON_INLINE static int turned(int key) { return (key + Leaf::thread()) % left_keys; }

  TENON_BOTH TENON_INLINE static float of_row(int row, int rows) {
    float sum = 0;
    for (int key = 0; row < rows && key < left_keys; ++key) sum += left(row, turned(key));
    return sum;
  }
  // Of the scores whose key, in the block, is `ahead` plus their query, in the tile.
  TENON_BOTH TENON_INLINE static float of_distance(int ahead, int head, int count) {
    float sum = 0;
    for (int i = 0; i < left_keys; ++i) {
      const int key = turned(i), query = key - ahead;
      if (Leaf::thread() < places * group && query >= 0 && query < count) sum += left(query * group + head, key);
    }
    return sum;
  }
  // Each thread adds some rows of one key to a place of its own.
  TENON_BOTH TENON_INLINE static void add_keys(int key0, int rows) {
    const int key = Leaf::thread() % left_keys, own = Leaf::thread() / left_keys;
    float sum = Leaf::template load_shared<float>(slot(own * places + key0 + key));
    for (int row = own; row < rows; row += row_parts) sum += left(row, key);
    Leaf::store_shared(slot(own * places + key0 + key), sum);
  }

  TENON_BOTH TENON_INLINE void store(const kernel_detail::backward_part<Leaf, Problem>& part, int first, float sum) const {
    const int thread = Leaf::thread(), head = kind == per::key ? 0 : thread % group, place = first + (kind == per::key ? thread : thread / group);
    const int all = kind == per::query ? a.call.queries : kind == per::key ? part.length : a.call.queries + part.length - 1;
    if constexpr (kind == per::key) {
      Leaf::barrier();
      for (int i = 0; thread < places && i < row_parts; ++i) sum += Leaf::template load_shared<float>(slot(i * places + thread));
    }
    const bool owns = thread < (kind == per::key ? places : places * group);
    if (owns && place < all) Leaf::store(a.learned_sums + kernel_detail::learned_place(a, Stage, part.batch, part.kv_head, head) + place, sum);
  }
};

/// Hands stage `Stage` its sums: a thread for each place or head whose operands are its own, one thread where they may be anybody's.
template <class Leaf, int Stage, class Problem>
struct attention_backward_deliver_body {
  using single = kernel_detail::learned_stage_of<Stage, Problem>;
  static constexpr partitioned_by operands = operands_of<single>;
  static constexpr int threads = 128;

  attention_backward_arguments<Problem> a;

  int blocks() const {
    const int all = operands == partitioned_by::place ? places(a.call.length).count() : operands == partitioned_by::head ? a.call.kv_heads * places(0).heads() : 1;
    return (all + threads - 1) / threads;
  }
  TENON_BOTH void operator()() const {
    const int own_one = Leaf::block_x() * threads + Leaf::thread(), heads = places(0).heads();
    if (operands == partitioned_by::head ? own_one >= a.call.kv_heads * heads : operands == partitioned_by::none && own_one > 0) return;
    for (int batch = 0; batch < a.batch; ++batch) {
      const learned_places<single> all = places(kernel_detail::backward_part<Leaf, Problem>::key_count(a.call, batch));
      const int begin = operands == partitioned_by::place ? own_one : 0, end = operands != partitioned_by::place ? all.count() : own_one < all.count() ? own_one + 1 : own_one;
      for (int kv_head = operands == partitioned_by::head ? own_one / heads : 0, last = operands == partitioned_by::head ? kv_head + 1 : a.call.kv_heads; kv_head < last; ++kv_head)
        for (int head = operands == partitioned_by::head ? own_one % heads : 0, past = operands == partitioned_by::head ? head + 1 : heads; head < past; ++head)
          for (int place = begin; place < end; ++place)
            all.hand(learned_stage<Stage>(a.call.score), position{0, 0, kv_head * Problem::group, batch}, head, place,
                     Leaf::load(a.learned_sums + kernel_detail::learned_place(a, Stage, batch, kv_head, head) + place));
    }
  }

 private:
  TENON_BOTH TENON_INLINE learned_places<single> places(int length) const { return {Problem::group, length - a.call.queries, a.call.queries, length}; }
};

TENON_KERNELS_END
