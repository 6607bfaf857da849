#pragma once
// Keys and values that lie in memory as products want them, bf16: boxes of them come straight to the stages, through the copy engine, kept busy by one warp.

#include <type_traits>

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/shared/device_keys.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

/// Blocks of Keys rows of Dim numbers. Layout: dense_keys or paged_keys, of which a block of keys is a part.
template <class Leaf, int Dim, int Keys, class Layout>
struct mapped_rows {
  using address = typename Leaf::address;
  static constexpr bool paged = std::is_same_v<Layout, paged_keys>;
  static_assert(!paged || page_table::granule % Keys == 0);
  /// Arrivals at a full stage; registers of a thread that brings, and of one that computes beside it: why of 64 keys others, kept_rows.hpp says.
  static constexpr int fillers = 1, registers = Keys == 64 ? 88 : 24, registers_beside = Keys == 64 ? 208 : 240;
  static constexpr address panel_bytes = Keys * panel_row;
  static constexpr int panels = Dim / panel_columns;
  static constexpr address bytes = 0;  ///< of shared memory beside the stages

  /// One kv head of a cache, [batch, kv_head, key, Dim], or of a pool, whose pages stand for the batch: as maps with boxes of one head's Keys x 64, of
  /// `mapped` keys of which `length` count; and as numbers in memory, with the strides of the first two axes.
  struct source {
    const tensor_map *keys, *values;
    const bf16 *key_rows, *value_rows;
    index_t of_batch, of_head;
    int head, batch, length, mapped;
    page_table pages;  ///< of paged keys
  };

  TENON_BOTH TENON_INLINE static void init(address) {}

  /// What warp `warp` of four that bring does: each block on the path, as its stage becomes free. keys_at, values_at: of the first stages.
  template <class Path, class Stages>
  TENON_BOTH TENON_INLINE static void produce(const source& in, const Path& path, int warp, Stages keys, address keys_at, Stages values, address values_at, address) {
    if (warp != 0) return;  // one is enough
    for (int key = path.first(); key < path.to; key = path.next(key)) {
      keys.await_empty();
      bring(*in.keys, in.key_rows, in, key, keys_at + static_cast<address>(keys.stage) * (panels * panel_bytes), keys.full());
      keys.next();
      values.await_empty();
      bring(*in.values, in.value_rows, in, key, values_at + static_cast<address>(values.stage) * (panels * panel_bytes), values.full());
      values.next();
    }
  }

 private:
  TENON_BOTH TENON_INLINE static int lane() { return Leaf::thread() % 32; }
  // A block of keys or values from `key` on to a stage, through the copy engine; or row by row where the sequence ends within it and the maps do not,
  // since what lies behind may be anything and 0 times it must be 0.
  TENON_BOTH TENON_INLINE static void bring(const tensor_map& from, const bf16* first, const source& in, int key, address to, address barrier) {
    int batch = in.batch, within = key;
    if constexpr (paged) {
      const int page = key / in.pages.page_keys;
      batch = Leaf::load(in.pages.table + page), within = key - page * in.pages.page_keys;
    }
    if (key + Keys <= in.length || (!paged && in.length == in.mapped)) {
      if (lane() != 0) return;
      Leaf::arrive_expecting(barrier, static_cast<int>(panels * panel_bytes));
      TENON_UNROLL for (int p = 0; p < panels; ++p) Leaf::copy_box(to + static_cast<address>(p) * panel_bytes, from, barrier, p * panel_columns, within, in.head, batch);
      return;
    }
    constexpr int chunks = Dim / 8;
    const bf16* const of_head = first + batch * in.of_batch + in.head * in.of_head;
    for (int item = lane(); item < Keys * chunks; item += 32) {
      const int row = item / chunks, chunk = item % chunks, at = key + row < in.length ? within + row : within;
      Leaf::copy_16(to + panel_offset<address>(Keys, row, chunk), of_head + index_t{at} * Dim + chunk * 8, key + row < in.length ? 16 : 0);
    }
    Leaf::commit();
    Leaf::template wait<0>();
    Leaf::fence_shared();
    Leaf::sync_warp();
    if (lane() == 0) Leaf::arrive(barrier);
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
