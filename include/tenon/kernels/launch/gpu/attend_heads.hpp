#pragma once
// Attention of some heads of some queries on a GPU, called as on a processor (launch/attention_heads.hpp): a first kernel packs the rows that weigh
// enough, kv head by kv head, and says how many there are; attention then runs over these alone, blocks beyond them end at once; a last
// one brings the results home. Moves: what attend moves for the rows that are left, and all rows twice more.

#include <tenon/kernels/launch/attention_heads.hpp>
#include <tenon/kernels/launch/gpu/attend.hpp>

TENON_KERNELS_BEGIN

namespace kernel_detail {
/// Which rows are computed and where they stand, in memory of the machine. A kv head is to attention a sequence of its own.
struct gathered_device_rows {
  row_origin* rows;            ///< [kv][most]
  std::int32_t *slots;         ///< [token][head]: its row, or -1
  std::int32_t *counts, *lengths;  ///< [kv]: rows, and keys, which all have alike
  std::ptrdiff_t* offset;      ///< [kv]: for gathered_rows
  index_t most;                ///< rows of a kv head: tokens x group
};
}  // namespace kernel_detail

/// Sinks over gathered rows are those of the rows' own heads.
template <int Rows>
TENON_BOTH TENON_INLINE auto state_of(const gathered_rows<sink>& of) {
  return state_of<Rows>(of.policy);
}
template <class Leaf, int Rows>
TENON_BOTH TENON_INLINE auto device_state_of(const gathered_rows<sink>& of, float base) {
  return device_state_of<Leaf, Rows>(of.policy, base);
}
TENON_BOTH TENON_INLINE const float* sinks(const gathered_rows<sink>& of) { return of.policy.logits; }

/// Decides. Grid: x = kv heads.
template <class Leaf>
struct choose_heads_body {
  static constexpr int threads = 512, one = reduction_bytes<Leaf, threads>, shared_bytes = 2 * one;
  const float* weight;
  index_t weight_stride;
  float threshold;
  int tokens, group, heads;
  const std::int32_t* length;
  kernel_detail::gathered_device_rows to;
  heads_tally* tally;

  TENON_BOTH void operator()() const {
    const int kv = Leaf::block_x(), items = tokens * group, keys = Leaf::load(length);
    int taken = 0;
    for (int strip = 0, turn = 0; strip < items; strip += threads, ++turn) {
      const int item = strip + Leaf::thread(), t = item / group, head = kv * group + item % group;
      const bool chosen = item < items && !(Leaf::load(weight + t * weight_stride + head) < threshold);
      std::uint32_t all = 0;
      const int row = taken + static_cast<int>(sum_before<Leaf, threads>(chosen ? 1u : 0u, all, turn % 2 * one));
      if (item < items) Leaf::store(to.slots + t * heads + head, chosen ? row : -1);
      if (chosen) store_eight<Leaf>(to.rows + kv * to.most + row, row_origin{keys - tokens + t, head});
      taken += static_cast<int>(all);
    }
    if (Leaf::thread() != 0) return;
    Leaf::store(to.counts + kv, taken);
    Leaf::store(to.lengths + kv, keys);
    store_eight<Leaf>(to.offset + kv, static_cast<std::ptrdiff_t>(kv * to.most - (keys - taken)));  // attention has the last row of a sequence at position length - 1
    store_eight<Leaf>(&tally[kv].decided, load_eight<Leaf>(&tally[kv].decided) + items);
    store_eight<Leaf>(&tally[kv].left_out, load_eight<Leaf>(&tally[kv].left_out) + items - taken);
  }
};

/// The chosen rows of q [token, head, dim] in bf16, packed. Grid: x = tokens.
template <class Leaf>
struct gather_heads_body {
  static constexpr int threads = 128;
  const float* q;
  index_t q_token;
  bf16* to;
  const std::int32_t* slots;
  int heads, group, dim;
  index_t most;

  TENON_BOTH void operator()() const {
    for (int i = Leaf::thread(); i < heads * dim / 4; i += threads) {
      const int head = 4 * i / dim, at = 4 * i % dim, slot = Leaf::load(slots + Leaf::block_x() * heads + head);
      if (slot < 0) continue;
      float four[4];
      load_four<Leaf>(q + Leaf::block_x() * q_token + 4 * i, true, 4, four);
      Leaf::store(reinterpret_cast<bits64*>(to + (head / group * most + slot) * dim + at), bits64{{Leaf::pack_bf16(four[0], four[1]), Leaf::pack_bf16(four[2], four[3])}});
    }
  }
};

/// out [token, head, dim] = weight, or 1, times the results, 0 where there are none. Grid: x = tokens.
template <class Leaf>
struct scatter_heads_body {
  static constexpr int threads = 128;
  const float *results, *weight;
  index_t weight_stride;
  float* out;
  index_t out_token;
  const std::int32_t* slots;
  int heads, group, dim;
  index_t most;

  TENON_BOTH void operator()() const {
    for (int i = Leaf::thread(); i < heads * dim / 4; i += threads) {
      const int head = 4 * i / dim, at = 4 * i % dim, slot = Leaf::load(slots + Leaf::block_x() * heads + head);
      float four[4] = {};
      if (slot >= 0) {
        load_four<Leaf>(results + (head / group * most + slot) * dim + at, true, 4, four);
        const float by = weight == nullptr ? 1.0f : Leaf::load(weight + Leaf::block_x() * weight_stride + head);
        for (float& x : four) x *= by;
      }
      store_four<Leaf>(out + Leaf::block_x() * out_token + 4 * i, true, 4, four);
    }
  }
};

namespace kernel_detail {
/// The next `count` of a scratch's parts; `at` moves behind them.
template <class T>
void cut(std::byte*& at, T*& to, index_t count) {
  to = reinterpret_cast<T*>(at);
  at += round_up(static_cast<std::size_t>(count) * sizeof(T), 64);
}
/// The parts of attend_heads' scratch.
struct gathered_device_parts {
  gathered_device_rows rows;
  bf16* q;
  float* results;
  std::byte* attention;

  gathered_device_parts(const heads& shape, index_t tokens, std::byte* at) {
    const index_t all = tokens * shape.query;
    const auto next = [&](auto*& to, index_t count) { cut(at, to, count); };
    rows.most = all / shape.kv;
    next(rows.rows, all), next(rows.slots, all), next(rows.counts, shape.kv), next(rows.lengths, shape.kv), next(rows.offset, shape.kv);
    next(q, all * shape.dim), next(results, all * shape.dim), next(attention, 0);
  }
};
}  // namespace kernel_detail

template <cache_number, device_machine Machine>
std::size_t attention_heads_scratch(const Machine& machine, const heads& shape, index_t tokens, index_t capacity) {
  const kernel_detail::gathered_device_parts parts(shape, tokens, nullptr);
  return reinterpret_cast<std::uintptr_t>(parts.attention) +
         kernel_detail::partial_bytes(machine, shape.kv, 1, shape.dim, parts.rows.most, capacity, kernel_detail::split_of(fixed_split{}, capacity));
}

namespace kernel_detail {
template <device_machine Machine, cache_of_device Cache, class Mask, class Score, class Weighting>
void attend_chosen_heads(const Machine& machine, view<const float, 3> q, const Cache& cache, view<float, 3> out, const head_choice& choice, const Mask& mask, const Score& score,
                         std::byte* scratch, heads_tally* tally, const Weighting& weighting) {
  constexpr int Query = Cache::query_heads, Kv = Cache::kv_heads, Dim = Cache::dim;
  using leaf = typename Machine::leaf;
  using gathered_weighting = std::conditional_t<std::same_as<Weighting, sink>, gathered_rows<sink>, Weighting>;
  using problem = counted_attention<gathered_rows<Mask>, decltype(over_rows(score, nullptr, nullptr, 0)), gathered_weighting, Dim, 1, typename Cache::layout, typename Cache::number>;
  const index_t tokens = q.extent[0];
  check_attend(q, {Query, Kv, Dim, Dim}, out, Dim, Dim);
  check_pages(cache);
  if (choice.weight.extent[0] != tokens || choice.weight.extent[1] != Query || choice.weight.stride[1] != 1)
    throw error("[weight] of attend_heads must be [", tokens, ", ", Query, "], dense in its last axis. Fix: one weight per token and query head.");
  const auto fits = [](const auto& x) { return x.stride[1] == Dim && x.stride[0] % 4 == 0 && reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0; };
  if (!fits(q) || !fits(out)) throw error("[q, out] of attend_heads must have their heads one behind the other, and tokens at multiples of 16 bytes, on a GPU. Fix: copy them first.");
  if (cache.length_at == nullptr || cache.length > cache.capacity) throw error("[cache] of attend_heads says nowhere how long it is. Fix: append to it first.");
  if (tokens == 0) return;
  const gathered_device_parts parts({Query, Kv, Dim, Dim}, tokens, scratch);
  const auto& rows = parts.rows;
  using choose = choose_heads_body<leaf>;
  launch(machine, Kv, 1, choose{choice.weight.data, choice.weight.stride[0], choice.threshold, static_cast<int>(tokens), Query / Kv, Query, cache.length_at, rows, tally},
         choose::shared_bytes);
  launch(machine, static_cast<int>(tokens), 1, gather_heads_body<leaf>{q.data, q.stride[0], parts.q, rows.slots, Query, Query / Kv, Dim, rows.most});

  attention_arguments<problem> a{};
  a.q = parts.q, a.keys = cache.keys(), a.values = cache.values(), a.out = parts.results;
  a.lengths = rows.lengths, a.queries_at = rows.counts, a.length = static_cast<int>(cache.length), a.queries = static_cast<int>(rows.most), a.heads = a.kv_heads = 1;
  a.q_head = a.q_query = a.out_head = a.out_query = Dim, a.q_batch = a.out_batch = rows.most * Dim, a.cache_batch = a.cache_head = cache.head_stride(), a.pages = cache.table(), a.scales = cache.scales();
  a.mask = {mask, rows.rows, rows.offset}, a.score = over_rows(score, rows.rows, rows.offset, 0);
  if constexpr (std::same_as<Weighting, sink>)
    a.weighting = {weighting, rows.rows, rows.offset};
  else
    a.weighting = weighting;
  attend_by_rows(machine, a, Kv, cache.length, cache.capacity, fixed_split{}, parts.attention);
  launch(machine, static_cast<int>(tokens), 1,
         scatter_heads_body<leaf>{parts.results, choice.weight.data, choice.weight.stride[0], out.data, out.stride[0], rows.slots, Query, Query / Kv, Dim, rows.most});
}
}  // namespace kernel_detail

/// As on a processor; how many pairs were left out joins `tally` [kv_head], in memory of the machine. A row's bits are those that it has alone.
template <int DimQK, int DimV, device_machine Machine, cache_of_device Cache, class Mask, class Score, class Weighting = softmax>
void attend_heads(const Machine& machine, view<const float, 3> q, const Cache& cache, view<float, 3> out, const head_choice& choice, const Mask& mask, const Score& score, std::byte* scratch,
                  heads_tally* tally, const Weighting& weighting = {}) {
  static_assert((DimQK == 0 || DimQK == Cache::dim) && (DimV == 0 || DimV == Cache::dim), "[attend_heads] was given other head dims than its cache has. Fix: make them equal.");
  constexpr bool known = std::same_as<Weighting, softmax> || std::same_as<Weighting, sink> || std::same_as<Weighting, sigmoid>;
  static_assert(known, "[weighting] of attend_heads must be softmax, sink or sigmoid on a GPU. Fix: one of these, or attend.");
  if constexpr (known) kernel_detail::attend_chosen_heads(machine, q, cache, out, choice, mask, score, scratch, tally, weighting);
}

TENON_KERNELS_END
