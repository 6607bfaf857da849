#pragma once
// Appending to a cache on a GPU: bf16 moves 6 bytes per value; of 8 bits 5, and the bytes are those of a processor.

#include <tenon/kernels/launch/gpu/cache.hpp>
#include <tenon/kernels/shared/device_block.hpp>

TENON_KERNELS_BEGIN

/// k and v [token, kv_head, dim] in the cache's numbers, behind the keys that are there, or each where its slot says, or in turn into several caches. Grid:
/// x = tokens.
template <class Leaf, cache_number Number>
struct append_body {
  static constexpr int threads = 128;
  static constexpr bool scaled = kept_number<Number>::scaled;
  using stored = typename kept_number<Number>::storage;
  const float *k, *v;
  index_t k_token, k_head, v_token, v_head;  ///< strides
  stored *keys, *values;
  index_t cache_head;
  const std::int32_t* first;  ///< position of token 0, in memory
  int heads, dim;
  bool wide;                            ///< whether rows of k and v are aligned to 16 bytes
  const std::int32_t* slots = nullptr;  ///< [token]: -1 is left out; null: one behind the other
  page_table pages = {};                ///< without a table: one
  index_t scales = 0;                   ///< as in attention_arguments
  int places = 1;                       ///< caches that take turns, `place_apart` numbers from one to the next; without slots
  index_t place_apart = 0;

  TENON_BOTH TENON_INLINE void operator()() const {
    const int per_head = dim / 4, items = heads * per_head;
    const index_t token = Leaf::block_x();
    const int position = slots != nullptr ? Leaf::load(slots + token) : Leaf::load(first) + static_cast<int>(token);
    if (position < 0) return;
    int key = position / places;
    const index_t page = (pages.table == nullptr ? 0 : pages.page_of<Leaf>(key, key)) + position % places * place_apart;
    for (int strip = 0; strip < 2 * items; strip += threads) {  // by all lanes: those of a row find its scale together
      const int i = strip + Leaf::thread();
      const bool there = i < 2 * items, of_keys = i < items;
      const int item = of_keys ? i : i - items, head = item / per_head, at = item % per_head * 4;
      float four[4] = {};
      if (there) load_four<Leaf>(of_keys ? k + token * k_token + head * k_head + at : v + token * v_token + head * v_head + at, wide, 4, four);
      const index_t row = head * cache_head + index_t{key} * dim;
      stored* const to = (of_keys ? keys : values) + page;
      if constexpr (scaled) {
        const float scale = Number::scale_of(most_of_row(four, per_head));
        if (!there) continue;
        std::uint32_t word = 0;
        for (int e = 0; e < 4; ++e) word |= std::uint32_t{bit_cast<std::uint8_t>(Number::quantize(four[e], scale))} << (8 * e);
        Leaf::store(reinterpret_cast<std::uint32_t*>(to + (row + at)), word);
        if (at == 0) Leaf::store(reinterpret_cast<float*>(to + scales) + row / dim, scale);
      } else {
        if (there) Leaf::store(reinterpret_cast<bits64*>(to + (row + at)), bits64{{Leaf::pack_bf16(four[0], four[1]), Leaf::pack_bf16(four[2], four[3])}});
      }
    }
  }

 private:
  // The greatest magnitude of a row, four numbers to a lane; no number or infinite where one is: as bits these are beyond all others.
  TENON_BOTH TENON_INLINE static float most_of_row(const float (&four)[4], int lanes) {
    std::uint32_t most = 0;
    const auto raise = [&](std::uint32_t other) TENON_LAMBDA { most = most < other ? other : most; };
    for (int e = 0; e < 4; ++e) raise(bit_cast<std::uint32_t>(four[e]) & 0x7fffffffu);
    for (int mask = lanes / 2; mask > 0; mask /= 2) raise(Leaf::shuffle_xor(most, mask));
    return bit_cast<float>(most);
  }
};

namespace kernel_detail {
/// The launch alone, into `cache`, which may be the first of several.
template <device_machine Machine, cache_of_device Cache>
void append_rows(const Machine& machine, const Cache& cache, const view<const float, 3>& k, const view<const float, 3>& v, const std::int32_t* first, const std::int32_t* slots, int places = 1,
                 index_t place_apart = 0) {
  const auto aligned = [](const view<const float, 3>& x) { return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && x.stride[0] % 4 == 0 && x.stride[1] % 4 == 0; };
  launch(machine, static_cast<int>(k.extent[0]), 1,
         append_body<typename Machine::leaf, typename Cache::number>{k.data, v.data, k.stride[0], k.stride[1], v.stride[0], v.stride[1], cache.keys(), cache.values(), cache.head_stride(), first, Cache::kv_heads,
                                             Cache::dim, aligned(k) && aligned(v), slots, cache.table(), cache.scales(), places, place_apart});
}
}  // namespace kernel_detail

/// As on a processor, over memory of the machine: k and v [token, kv_head, dim] at positions first, first + 1, ..., or where `slots` [token] says.
template <device_machine Machine, cache_of_device Cache>
void append(const Machine& machine, Cache& cache, view<const float, 3> k, view<const float, 3> v, device_place first, const std::int32_t* slots = nullptr) {
  constexpr int Kv = Cache::kv_heads, Dim = Cache::dim;
  kernel_detail::check_append({Cache::query_heads, Kv, Dim, Dim}, cache.capacity, k, v, first.first);
  kernel_detail::check_pages(cache);
  cache.length = first.first + k.extent[0], cache.length_at = first.at + 1;
  if (k.extent[0] != 0) kernel_detail::append_rows(machine, cache, k, v, first.at, slots);
}

TENON_KERNELS_END
