#pragma once
// Attention of some heads of some queries: those that weigh enough. The others compute no score and read no key; what is left
// is gathered into dense rows, so that a tile of rows is full whatever was left out.
//   out[t, h] = weight[t, h] * attention of q[t, h], or 0 where weight[t, h] < threshold
// Moves: what attend moves for the rows that are left, and these rows twice more. Reference: kernels/reference/attention.hpp.

#include <new>

#include <tenon/kernels/launch/attention.hpp>
#include <tenon/kernels/launch/gate.hpp>
#include <tenon/policies/gathered.hpp>

TENON_KERNELS_BEGIN

/// Which heads of which queries are computed, and what their results are multiplied by.
struct head_choice {
  view<const float, 2> weight;  ///< [token, head]; NaN is computed, and shows
  float threshold;              ///< less is left out
};

/// Decisions about (token, head) pairs of one kv head, over all calls: what a GPU counts, which alone knows them.
struct heads_tally {
  std::int64_t decided = 0, left_out = 0;
};

namespace kernel_detail {

// The parts of attend_heads' scratch, one after another.
struct gathered_parts {
  heads one;  // as attend sees a kv head: every row is a query of its own
  index_t most_rows;
  std::size_t queries, results, rows, sinks, first, offset, caches, attention;

  template <class Number>
  static gathered_parts of(const heads& shape, index_t tokens, const cache_view<Number>&) {
    gathered_parts p{{1, 1, shape.dim, shape.dim_v, shape.values}, tokens * shape.query, 0, 0, 0, 0, 0, 0, 0, 0};
    const auto rows = static_cast<std::size_t>(p.most_rows), kv = static_cast<std::size_t>(shape.kv);
    std::size_t at = 0;
    const auto next = [&](std::size_t bytes) {
      const std::size_t from = at;
      at += round_up(bytes, 64);
      return from;
    };
    p.queries = next(rows * static_cast<std::size_t>(shape.dim) * sizeof(float));
    p.results = next(rows * static_cast<std::size_t>(shape.dim_v) * sizeof(float));
    p.rows = next(rows * sizeof(row_origin));
    p.sinks = next(rows * sizeof(float));
    p.first = next((kv + 1) * sizeof(index_t));
    p.offset = next(kv * sizeof(std::ptrdiff_t));
    p.caches = next(kv * sizeof(cache_view<Number>));
    p.attention = at;
    return p;
  }
};

// A policy over gathered rows, or as it is where it does not look at them.
template <class Policy>
auto over_rows(const Policy& policy, const row_origin* rows, const std::ptrdiff_t* offset, int batch) {
  if constexpr (plain_score<Policy>)
    return policy;
  else
    return gathered_rows<Policy>{policy, rows, offset, batch};
}

// Softmax with a sink of its own for each gathered row.
struct row_sinks {
  const float* of_row;
};
template <int Rows>
softmax_state<Rows> state_of(const row_sinks&) {
  return {};
}
inline const float* sinks(const row_sinks& w) { return w.of_row; }

// A weighting over gathered rows, `room` for what it learns of each.
template <class Weighting>
auto weighting_over_rows(const Weighting& weighting, const row_origin* rows, index_t count, float* room) {
  if constexpr (requires { weighting.logits; }) {
    if (weighting.logits == nullptr) return row_sinks{nullptr};
    for (index_t row = 0; row < count; ++row) room[row] = weighting.logits[rows[row].head];
    return row_sinks{room};
  } else {
    return weighting;
  }
}

}  // namespace kernel_detail

/// Bytes of scratch of attend_heads for up to `tokens` tokens and `capacity` keys. Grows with both.
template <cache_number Number, class Machine>
std::size_t attention_heads_scratch(const Machine& machine, const heads& shape, index_t tokens, index_t capacity) {
  const auto parts = kernel_detail::gathered_parts::of(shape, tokens, cache_view<Number>{});
  const std::size_t whole = attention_scratch(machine, shape, tokens, capacity), some = parts.attention + attention_scratch(machine, parts.one, parts.most_rows, capacity);
  return whole > some ? whole : some;
}

/// Attention of q [token, head, dim] over a cache as attend has it, for the chosen heads alone: out [token, head, dim_v]. Returns how
/// many (token, head) pairs were left out. What is computed has attend's bits, times its weight. Throws tenon::error for shapes
/// that do not fit.
template <int DimQK, int DimV, class Machine, cache_number Number, class Mask, class Score, class Weighting = softmax>
index_t attend_heads(const Machine& machine, view<const float, 3> q, const cache_view<Number>& cache, view<float, 3> out, const head_choice& choice, const Mask& mask,
                   const Score& score, std::byte* scratch, const Weighting& weighting = {}, int batch = 0) {
  const heads& shape = cache.shape;
  const index_t tokens = q.extent[0];
  kernel_detail::check_attend(q, shape, out, DimQK, DimV);
  if (choice.weight.extent[0] != tokens || choice.weight.extent[1] != shape.query)
    throw error("[weight] of attend_heads must be [", tokens, ", ", shape.query, "]. Fix: one weight per token and query head.");
  kernel_detail::check_cache(cache);

  const auto parts = kernel_detail::gathered_parts::of(shape, tokens, cache);
  float *const queries = reinterpret_cast<float*>(scratch + parts.queries), *const results = reinterpret_cast<float*>(scratch + parts.results);
  row_origin* const rows = reinterpret_cast<row_origin*>(scratch + parts.rows);
  index_t* const first = reinterpret_cast<index_t*>(scratch + parts.first);
  std::ptrdiff_t* const offset = reinterpret_cast<std::ptrdiff_t*>(scratch + parts.offset);
  auto* const caches = reinterpret_cast<cache_view<Number>*>(scratch + parts.caches);
  const auto left_out = [&](index_t t, index_t h) { return choice.weight(t, h) < choice.threshold; };

  const index_t group = shape.query / shape.kv;
  index_t taken = 0;
  for (index_t kv = 0; kv < shape.kv; ++kv) {
    first[kv] = taken;
    for (index_t t = 0; t < tokens; ++t)
      for (index_t h = kv * group; h < (kv + 1) * group; ++h)
        if (!left_out(t, h)) rows[taken++] = {static_cast<std::int32_t>(cache.length - tokens + t), static_cast<std::int32_t>(h)};
    offset[kv] = taken - cache.length;  // attend has the last row of a sequence at position length - 1
    new (caches + kv) cache_view<Number>(kernel_detail::one_head(cache, static_cast<int>(kv), 1));
  }
  first[shape.kv] = taken;
  const index_t skipped = tokens * shape.query - taken;
  if (skipped == 0) {
    attend<DimQK, DimV>(machine, q, cache, out, mask, score, scratch, weighting, fixed_split{}, {}, batch);
  } else {
    const auto token_of = [&](index_t row) { return rows[row].query - (cache.length - tokens); };
    for (index_t row = 0; row < taken; ++row) __builtin_memcpy(queries + row * shape.dim, &q(token_of(row), rows[row].head, 0), static_cast<std::size_t>(shape.dim) * sizeof(float));
    attend<DimQK, DimV>(machine, view<const float, 3>(queries, taken, 1, shape.dim), ragged<Number>{caches, first, shape.kv}, view<float, 3>(results, taken, 1, shape.dim_v),
                        kernel_detail::over_rows(mask, rows, offset, batch), kernel_detail::over_rows(score, rows, offset, batch), scratch + parts.attention,
                        kernel_detail::weighting_over_rows(weighting, rows, taken, reinterpret_cast<float*>(scratch + parts.sinks)));
    for (index_t t = 0; t < tokens; ++t)
      for (index_t h = 0; h < shape.query; ++h)
        if (left_out(t, h)) __builtin_memset(&out(t, h, 0), 0, static_cast<std::size_t>(shape.dim_v) * sizeof(float));
    for (index_t row = 0; row < taken; ++row)
      __builtin_memcpy(&out(token_of(row), rows[row].head, 0), results + row * shape.dim_v, static_cast<std::size_t>(shape.dim_v) * sizeof(float));
  }
  open_heads(machine, bilinear{}, choice.weight, out);
  return skipped;
}

TENON_KERNELS_END
