#pragma once
// The cache of keys and values on a GPU: [kv_head][key][dim] of bf16, keys then values. Appending to it moves 6 bytes per value.

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/cache.hpp>
#include <tenon/kernels/launch/gpu/machine.hpp>
#include <tenon/kernels/launch/machine_types.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// One layer's keys and values of one sequence, in memory of the machine that someone else holds: cache_bytes of it, aligned to 64. Its heads
/// are constants, because a GPU packs the queries of a group into one tile.
template <int Query, int Kv, int Dim>
struct device_cache {
  static constexpr int query_heads = Query, kv_heads = Kv, dim = Dim;
  std::byte* data = nullptr;
  heads shape{};
  index_t capacity = 0;                     ///< keys that fit
  index_t length = 0;                       ///< keys that are there, as the host knows it; `append` moves it
  const std::int32_t* length_at = nullptr;  ///< the same where kernels read it: a replayed kernel is not told anew

  bf16* keys() const { return reinterpret_cast<bf16*>(data); }
  bf16* values() const { return keys() + Kv * capacity * Dim; }
};

template <device_machine Machine, cache_number Number, heads Shape>
struct cache_on<Machine, Number, Shape> {
  static_assert(std::same_as<Number, bf16>, "[precision.cache] must be bf16 on a GPU: its kernels read no other. Fix: precision_policy<bf16>.");
  static_assert(Shape.dim == Shape.dim_v && (Shape.dim == 64 || Shape.dim == 128),
                "[attention.head_dim] must be 64 or 128 on a GPU: its tiles are that wide. Fix: pad the heads of the model.");
  using type = device_cache<Shape.query, Shape.kv, Shape.dim>;
};

template <cache_number Number, device_machine Machine>
std::size_t cache_bytes(const Machine&, heads shape, index_t capacity) {
  return round_up(static_cast<std::size_t>(shape.kv * capacity * (shape.dim + shape.dim_v)) * sizeof(bf16), 64);
}

/// k and v [token, kv_head, dim], rounded, behind the keys that are there, or each where its slot says. Grid: x = tokens.
template <class Leaf>
struct append_body {
  static constexpr int threads = 128;
  const float *k, *v;
  index_t k_token, k_head, v_token, v_head;  ///< strides
  bf16 *keys, *values;
  index_t cache_head;
  const std::int32_t* first;  ///< position of token 0, in memory
  int heads, dim;
  bool wide;                            ///< whether rows of k and v are aligned to 16 bytes
  const std::int32_t* slots = nullptr;  ///< [token]: -1 is left out; null: one behind the other

  TENON_BOTH TENON_INLINE void operator()() const {
    const int per_head = dim / 4, items = heads * per_head;
    const index_t token = Leaf::block_x(), key = slots != nullptr ? Leaf::load(slots + token) : Leaf::load(first) + token;
    if (key < 0) return;
    for (int i = Leaf::thread(); i < 2 * items; i += threads) {
      const bool of_keys = i < items;
      const int item = of_keys ? i : i - items, head = item / per_head, at = item % per_head * 4;
      float four[4];
      load_four<Leaf>(of_keys ? k + token * k_token + head * k_head + at : v + token * v_token + head * v_head + at, wide, 4, four);
      bf16* const to = (of_keys ? keys : values) + head * cache_head + key * dim + at;
      Leaf::store(reinterpret_cast<bits64*>(to), bits64{{Leaf::pack_bf16(four[0], four[1]), Leaf::pack_bf16(four[2], four[3])}});
    }
  }
};

/// As on a processor, over memory of the machine: k and v [token, kv_head, dim] at positions first, first + 1, ..., or where `slots` [token] says.
template <device_machine Machine, int Query, int Kv, int Dim>
void append(const Machine& machine, device_cache<Query, Kv, Dim>& cache, view<const float, 3> k, view<const float, 3> v, device_place first, const std::int32_t* slots = nullptr) {
  kernel_detail::check_append({Query, Kv, Dim, Dim}, cache.capacity, k, v, first.first);
  cache.length = first.first + k.extent[0], cache.length_at = first.at + 1;
  if (k.extent[0] == 0) return;
  const auto aligned = [](const view<const float, 3>& x) { return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && x.stride[0] % 4 == 0 && x.stride[1] % 4 == 0; };
  kernel_detail::launch(machine, static_cast<int>(k.extent[0]), 1,
                        append_body<typename Machine::leaf>{k.data, v.data, k.stride[0], k.stride[1], v.stride[0], v.stride[1], cache.keys(), cache.values(), cache.capacity * Dim,
                                                            first.at, Kv, Dim, aligned(k) && aligned(v), slots});
}

TENON_KERNELS_END
