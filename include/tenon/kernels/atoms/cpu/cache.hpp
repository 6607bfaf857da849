#pragma once
// How keys and values lie in the caches of all CPU machines, so that a product reads one stream straight through:
//   keys    [kv_head][key / 16][dim / pack][16][pack]     panels of 16 keys: a vector holds one dim (or a pair) of 16 keys
//   values  [kv_head][key / pack][dim_v][pack]            rows of keys (or pairs of keys)
// pack is 1 for float and 2 for 16-bit numbers, so that 32 of them widen to two vectors without a shuffle. Keys are padded
// to 16, dim_v to 16; padding is read but never counts.

#include <tenon/core/memory.hpp>
#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

template <class Number>
struct cpu_cache {
  static constexpr int panel = 16, pack = sizeof(Number) == 4 ? 1 : 2;

  index dim, dim_v, keys;  ///< padded

  TENON_INLINE cpu_cache(int head_dim, int head_dim_v, index capacity)
      : dim(head_dim), dim_v((head_dim_v + 15) / 16 * 16), keys((capacity + panel - 1) / panel * panel) {}

  TENON_INLINE index head_values() const { return keys * (dim + dim_v); }
  TENON_INLINE std::size_t bytes(int kv_heads) const { return round_up(static_cast<std::size_t>(head_values() * kv_heads) * sizeof(Number), 64); }
  /// The panel that `key` stands in.
  TENON_INLINE Number* key_panel(std::byte* data, int head, index key) const {
    return reinterpret_cast<Number*>(data) + head * head_values() + key / panel * panel * dim;
  }
  /// The row, or pair of rows, that `key` stands in.
  TENON_INLINE Number* value_row(std::byte* data, int head, index key) const {
    return reinterpret_cast<Number*>(data) + head * head_values() + keys * dim + key / pack * pack * dim_v;
  }

  /// Writes keys and values of positions [first, first + count), within one panel, rounded to Number, and the padding of the
  /// values. Row i of k and v lies i strides on.
  void write(std::byte* data, int head, index first, int count, const float* k, index k_stride, const float* v, index v_stride, int width_v) const {
    Number* keys_to = key_panel(data, head, first) + first % panel * pack;
    for (index d = 0; d < dim; d += pack, keys_to += panel * pack)
      for (int t = 0; t < count; ++t)
        for (int i = 0; i < pack; ++i) keys_to[t * pack + i] = Number(k[t * k_stride + d + i]);
    for (int t = 0; t < count; ++t) {
      const index key = first + t;
      Number* row = value_row(data, head, key) + key % pack;
      for (index c = 0; c < width_v; ++c) row[c * pack] = Number(v[t * v_stride + c]);
      for (index c = width_v; c < dim_v; ++c) row[c * pack] = Number(0.0f);
    }
  }
};

}  // namespace atoms
TENON_KERNELS_END
