#pragma once
// The same keys and values through every kind of cache: a problem is appended in chunks to a cache that is contiguous or in pages
// of any size, in any order within a pool of garbage, and attended from as it grows.

#include <numeric>

#include "attention_problem.hpp"

namespace tenon::testing {

/// How a cache lies: page_keys 0 is contiguous.
struct page_layout {
  index_t page_keys = 0;
  unsigned seed = 1;
};

/// The keys and values as a cache of `Number` holds them: what its rounding leaves.
template <class Number>
float as_cached(float x, float most) {
  if constexpr (shares_scales<Number>) {
    const float scale = Number::scale_of(most);
    return static_cast<float>(Number::quantize(x, scale)) * scale;
  } else {
    static_cast<void>(most);
    return static_cast<float>(Number(x));
  }
}
template <class Number>
void round_rows(std::vector<float>& rows, index_t width) {
  index_t block = width;
  if constexpr (shares_scales<Number>) block = Number::block;
  for (std::size_t row = 0; row < rows.size(); row += static_cast<std::size_t>(width))
    for (index_t d = 0; d < width; d += block) {
      float* at = rows.data() + row + d;
      const index_t count = std::min(block, width - d);
      float most = 0;
      for (index_t i = 0; i < count; ++i) most = std::fabs(at[i]) <= most ? most : std::fabs(at[i]);
      for (index_t i = 0; i < count; ++i) at[i] = as_cached<Number>(at[i], most);
    }
}
template <class Number>
attention_problem as_cached(const attention_problem& p) {
  attention_problem out = p;
  if constexpr (requires { typename Number::latent; }) {
    for (std::size_t row = 0; row < out.k.size(); row += static_cast<std::size_t>(p.shape.dim)) {
      const auto begin = out.k.begin() + static_cast<std::ptrdiff_t>(row), middle = begin + p.shape.dim_v, end = begin + p.shape.dim;
      std::vector<float> latent(begin, middle), rotary(middle, end);
      round_rows<typename Number::latent>(latent, p.shape.dim_v), round_rows<typename Number::rotary>(rotary, p.shape.dim - p.shape.dim_v);
      std::copy(rotary.begin(), rotary.end(), std::copy(latent.begin(), latent.end(), begin));
    }
  } else {
    round_rows<Number>(out.k, p.shape.dim), round_rows<Number>(out.v, p.shape.dim_v);
  }
  if (p.shape.values == values_are::first_dims_of_keys)
    for (index_t row = 0; row < p.keys * p.shape.kv; ++row) std::copy_n(out.k.begin() + row * p.shape.dim, p.shape.dim_v, out.v.begin() + row * p.shape.dim_v);
  return out;
}

/// A cache with its memory: garbage wherever nothing was appended.
template <class Number, class Machine>
struct held_cache {
  buffer memory;
  std::vector<std::int32_t> pages;
  cache_view<Number> cache;

  held_cache(const Machine& machine, heads shape, index_t keys, page_layout how) {
    if (how.page_keys == 0) {
      memory = buffer(cache_bytes<Number>(machine, shape, keys));
      cache = {.data = memory.data(), .shape = shape, .capacity = keys};
    } else {
      const index_t count = (keys + how.page_keys - 1) / how.page_keys;
      const std::size_t bytes = page_bytes<Number>(machine, shape, how.page_keys);
      pages.resize(static_cast<std::size_t>(2 * count + 1));
      std::iota(pages.begin(), pages.end(), 0);
      std::mt19937 random(how.seed);
      std::shuffle(pages.begin(), pages.end(), random);
      memory = buffer(bytes * pages.size());
      cache = {.data = memory.data(), .shape = shape, .capacity = count * how.page_keys, .length = 0, .pages = pages.data(), .page_keys = how.page_keys};
    }
    std::memset(memory.data(), 0xff, memory.size());
  }
  /// Appends tokens [first, first + count) of a problem.
  void take(const Machine& machine, const attention_problem& p, index_t first, index_t count) {
    const bool own = p.shape.values == values_are::their_own;
    append(machine, cache, p.key().rows(first, count), own ? readable<3>(p.value().rows(first, count)) : readable<3>(), first);
  }
};

/// A problem whose values are the first dims of its keys.
inline attention_problem latent_problem(int heads_of_query, int dim, int dim_v, index_t queries, index_t keys, unsigned seed, float spread = 1) {
  attention_problem p({heads_of_query, 1, dim, dim_v, values_are::first_dims_of_keys}, queries, keys, seed, spread);
  for (index_t row = 0; row < keys; ++row) std::copy_n(p.k.begin() + row * dim, dim_v, p.v.begin() + row * dim_v);
  return p;
}

template <class Number, class Machine, class Mask, class Score = scaled, class Weighting = softmax, class Reduction = fixed_split>
std::vector<float> attend_laid_out(const Machine& machine, const attention_problem& p, page_layout how, index_t chunk, const Mask& mask, const Score& score = {},
                                   const Weighting& weighting = {}, const Reduction& reduction = {}, int batch = 0) {
  const index_t before = p.keys - p.queries;
  held_cache<Number, Machine> held(machine, p.shape, p.keys + 3, how);
  const buffer scratch(attention_scratch(machine, p.shape, chunk, p.keys + 3, reduction));
  std::memset(scratch.data(), 0xff, scratch.size());
  std::vector<float> result(p.outputs());
  const view<float, 3> out(result.data(), p.queries, p.shape.query, p.shape.dim_v);
  held.take(machine, p, 0, before);
  for (index_t i = 0; i < p.queries; i += chunk) {
    const index_t count = std::min(chunk, p.queries - i);
    held.take(machine, p, before + i, count);
    attend<0, 0>(machine, p.query().rows(i, count), held.cache, out.rows(i, count), mask, score, scratch.data(), weighting, reduction, {}, batch);
  }
  return result;
}

}  // namespace tenon::testing
