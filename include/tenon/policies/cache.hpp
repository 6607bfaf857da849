#pragma once
// What a cache of keys and values holds, said without a machine: the numbers and the heads. How the bytes lie is the
// machine's business (kernels/atoms/<machine>/cache.hpp).

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

/// The heads of an attention layer: `query` heads in equal groups over `kv` heads, `dim` wide in q and k and `dim_v` in v.
/// query is a multiple of kv; dim and dim_v are multiples of 8 up to 576.
struct heads {
  int query, kv, dim, dim_v;
};

/// One layer's keys and values of one sequence in a machine's own layout, contiguous, in memory that someone else holds:
/// cache_bytes<Number>(machine, shape, capacity) bytes, aligned to 64. Number: float, bf16 or f16.
template <class Number>
struct cache_view {
  std::byte* data = nullptr;
  heads shape{};
  index capacity = 0;  ///< keys that fit
  index length = 0;    ///< keys that are there; `append` moves it
};

}  // namespace tenon
