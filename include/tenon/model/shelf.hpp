#pragma once
// What of a layer's state may lie elsewhere than in memory of its own, such as in pages that sequences share
// (runtime/paged_memory.hpp): caches, told as shelves. A state that is a cache, or whose member `cache` is, with a key for each token,
// tells nothing: that is found. Any other names `shelf_type` and shows its shelves in each_shelf(f), always in the same order.

#include <span>

#include <tenon/kernels/launch/kept_keys.hpp>
#include <tenon/policies/cache.hpp>

namespace tenon {

/// Caches of a layer that hold equally many keys.
template <class Cache, class Machine>
struct shelf {
  using cache = Cache;
  std::span<Cache> caches;
  index_t tokens_per_key = 1;  ///< of the last key perhaps fewer; 0: keys of some tokens, those that `kept` lists, in one cache
  kept_keys<Machine>* kept = nullptr;

  /// How many keys the first `length` tokens have left: of those that are kept when kernels have ended, as a GPU has counted them.
  index_t keys(index_t length) const {
    if (kept == nullptr) return (length + tokens_per_key - 1) / tokens_per_key;
    index_t there = caches[0].length;
    if constexpr (requires { kept->tally; }) there = kept->tally->length;
    return kernel_detail::keys_before(static_cast<int>(length), static_cast<int>(there), [&](int i) { return kept->positions[i]; });
  }
};

}  // namespace tenon
