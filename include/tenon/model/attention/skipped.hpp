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

}  // namespace tenon
