#pragma once
// Attention over a cache as models call it on a GPU, and its reference in double.

#include "device_case.hpp"

#include <tenon/kernels/reference/attention.hpp>
#include <tenon/policies/mask.hpp>
#include <tenon/policies/score.hpp>

namespace tenon::testing {

inline constexpr double bound_of_cached = 3e-3;  ///< relative L2: weights are rounded to bf16

inline std::vector<float> rounded(std::vector<float> x) {
  for (float& v : x) v = static_cast<float>(bf16(v));
  return x;
}

/// Tokens of a sequence whose keys and values are in a cache of a machine.
template <class Machine, int query_heads = 6, int kv_heads = 2, int dim = 64>
struct conversation {
  static constexpr heads shape{query_heads, kv_heads, dim, dim};
  const Machine& machine;
  index_t length;
  std::vector<float> q, k, v;
  device_numbers<Machine, std::byte> memory;
  device_numbers<Machine, std::int32_t> place;
  device_cache<query_heads, kv_heads, dim> cache;

  conversation(const Machine& on, index_t tokens, index_t capacity)
      : machine(on), length(tokens), q(rounded(noise(tokens * query_heads * dim, 1))), k(rounded(noise(tokens * kv_heads * dim, 2))), v(rounded(noise(tokens * kv_heads * dim, 3))),
        memory(on, cache_bytes<bf16>(on, shape, capacity)), place(on, std::vector<std::int32_t>{0, 0}), cache{.data = memory.data(), .shape = shape, .capacity = capacity} {
    stand_at(0, tokens);
    const device_numbers on_k(on, k), on_v(on, v);
    append(on, cache, view<const float, 3>(on_k.data(), tokens, kv_heads, dim), view<const float, 3>(on_v.data(), tokens, kv_heads, dim), {0, place.data()});
  }
  void stand_at(index_t first, index_t last) {
    const std::int32_t at[] = {static_cast<std::int32_t>(first), static_cast<std::int32_t>(last)};
    machine.copy(place.data(), at, sizeof at);
    cache.length = last, cache.length_at = place.data() + 1;
  }
  /// Rows of queries [first, last), which see the keys before `last`.
  template <class Mask, class Score, class Reduction, class Weighting = softmax>
  std::vector<float> attend_to(index_t first, index_t last, const Mask& mask, const Score& score, const Reduction& reduction, const Weighting& weighting = {}) {
    stand_at(first, last);
    const index_t queries = last - first;
    const std::vector<float> part(q.begin() + first * query_heads * dim, q.begin() + last * query_heads * dim);
    const device_numbers on_q(machine, part);
    const device_numbers<Machine, float> out(machine, part.size());
    const device_numbers<Machine, std::byte> scratch(machine, attention_scratch(machine, shape, queries, cache.capacity, reduction));
    attend<dim, dim>(machine, view<const float, 3>(on_q.data(), queries, query_heads, dim), cache, view<float, 3>(out.data(), queries, query_heads, dim), mask, score, scratch.data(), weighting,
                     reduction);
    return out.host();
  }
  template <class Mask, class Score, class Weighting = softmax>
  std::vector<double> reference_of(index_t first, index_t last, const Mask& mask, const Score& score, const Weighting& weighting = {}) const {
    std::vector<double> want(static_cast<std::size_t>((last - first) * query_heads * dim));
    reference::attend(view<const float, 3>(q.data() + first * query_heads * dim, last - first, query_heads, dim), view<const float, 3>(k.data(), last, kv_heads, dim),
                      view<const float, 3>(v.data(), last, kv_heads, dim), view<double, 3>(want.data(), last - first, query_heads, dim), mask, score, weighting);
    return want;
  }
};

}  // namespace tenon::testing
