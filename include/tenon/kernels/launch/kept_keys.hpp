#pragma once
// A cache of some of a sequence's keys: those whose gate is open far enough. Beside it stand the positions of the keys that are there, ascending,
// and the logarithm of each one's gate, which joins its scores. Moves what `append` moves for the keys that are kept.

#include <cstdint>

#include <tenon/core/memory.hpp>
#include <tenon/core/math.hpp>
#include <tenon/kernels/launch/cache.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/policies/gathered.hpp>

TENON_KERNELS_BEGIN

/// log sigma(z), without overflow: -infinity only where z is.
template <class T>
TENON_BOTH TENON_INLINE constexpr T log_logistic(T z) {
  return (z < T(0) ? z : T(0)) - log(T(1) + exp(-abs(z)));
}

namespace kernel_detail {
/// Of `count` ascending positions, how many stand before `position`. at(i): the i-th.
template <class At>
TENON_BOTH TENON_INLINE int keys_before(int position, int count, const At& at) {
  int low = 0, high = count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (at(middle) < position)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
inline void check_gate(const view<const float, 2>& gate, index_t tokens) {
  if (gate.extent[0] != tokens || gate.extent[1] != 1) throw error("[gate] of append_kept must be [", tokens, ", 1]. Fix: one number for each token.");
}
}  // namespace kernel_detail

/// What stands beside the cache, in kept_keys_bytes of memory, aligned to 64.
template <class Machine>
struct kept_keys {
  std::int32_t* positions = nullptr;
  float* log_gate = nullptr;

  kept_keys() = default;
  kept_keys(const Machine&, std::byte* memory, index_t capacity)
      : positions(reinterpret_cast<std::int32_t*>(memory)), log_gate(reinterpret_cast<float*>(memory + list_bytes(capacity))) {}
  static std::size_t list_bytes(index_t capacity) { return round_up(static_cast<std::size_t>(capacity) * 4, 64); }
  /// Takes over what stands beside the first `count` keys of another, into memory of its own.
  void carry(const Machine&, const kept_keys& from, index_t count) {
    for (index_t i = 0; i < count; ++i) positions[i] = from.positions[i], log_gate[i] = from.log_gate[i];
  }
};
template <class Machine>
std::size_t kept_keys_bytes(const Machine&, index_t capacity) {
  return 2 * kept_keys<Machine>::list_bytes(capacity);
}

/// Appends those of k, v [token, kv_head, dim] whose gate, the logistic of gate [token, 1], is not below `threshold` (NaN is kept, and shows); token t is at
/// position first + t of the sequence, and what the cache held from there on is forgotten. k and v are workspace. Returns how many were left out. Throws tenon::error for other shapes, and where the cache has no room for all of them.
template <class Machine, cache_number Number>
index_t append_kept(const Machine& machine, cache_view<Number>& cache, const kept_keys<Machine>& list, view<const float, 2> gate, float threshold, view<float, 3> k, view<float, 3> v,
                    index_t first) {
  const index_t tokens = k.extent[0], length = kernel_detail::keys_before(static_cast<int>(first), static_cast<int>(cache.length), [&](int i) { return list.positions[i]; });
  kernel_detail::check_gate(gate, tokens);
  kernel_detail::check_append(cache.shape, cache.capacity, k, v, length);
  const auto move = [](const view<float, 3>& x, index_t to, index_t from) {
    for (index_t head = 0; head < x.extent[1]; ++head) __builtin_memcpy(&x(to, head, 0), &x(from, head, 0), static_cast<std::size_t>(x.extent[2]) * sizeof(float));
  };
  cache.length = length;
  index_t kept = 0;
  for (index_t t = 0; t < tokens; ++t) {
    if (logistic(gate(t, 0)) < threshold) continue;
    list.positions[cache.length + kept] = static_cast<std::int32_t>(first + t);
    list.log_gate[cache.length + kept] = log_logistic(gate(t, 0));
    if (kept != t) move(k, kept, t), move(v, kept, t);
    ++kept;
  }
  append(machine, cache, k.rows(0, kept), v.rows(0, kept), cache.length);
  return tokens - kept;
}

/// What the kept keys let queries seem earlier by, of a block of `tokens` tokens from `first` on: for gathered_keys.
template <class Machine, cache_number Number>
int query_shift(const cache_view<Number>& cache, const kept_keys<Machine>&, index_t first, index_t tokens) {
  return static_cast<int>(first + tokens - cache.length);
}

TENON_KERNELS_END
