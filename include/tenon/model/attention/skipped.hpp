#pragma once
// What an attention layer did not do, for whoever wants to know whether skipping pays.

#include <cstddef>

#include <tenon/core/view.hpp>

namespace tenon {

/// Counted over a sequence, in the state of the layers that skip. A caller may set it to {} to count anew.
struct skipped_work {
  index_t heads = 0;                    ///< (token, query head) pairs that were decided
  index_t heads_skipped = 0;            ///< of these: neither scores nor a result
  index_t keys = 0;                     ///< keys that were decided
  index_t keys_skipped = 0;             ///< of these: neither stored nor attended
  std::size_t cache_bytes_saved = 0;  ///< that the skipped keys and their values would have taken

  constexpr skipped_work& operator+=(const skipped_work& more) {
    heads += more.heads, heads_skipped += more.heads_skipped;
    keys += more.keys, keys_skipped += more.keys_skipped;
    cache_bytes_saved += more.cache_bytes_saved;
    return *this;
  }
};

/// What the state of a layer has counted. Where a machine counts by itself: once its kernels have ended.
template <class State>
skipped_work skipped_of(const State& state) {
  if constexpr (requires { state.skipped_so_far(); })
    return state.skipped_so_far();
  else if constexpr (requires { state.skipped; })
    return state.skipped;
  else
    return {};
}

}  // namespace tenon
