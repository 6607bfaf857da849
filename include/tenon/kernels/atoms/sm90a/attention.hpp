#pragma once
// The words of attention on sm_90a. A block is one group of 128 threads, or two, that compute 64 rows each, and a last one that brings keys and
// values through rings of stages (mapped_rows.hpp, and of 8 bits kept_rows.hpp), and hands most of its registers to two others. Scores come from
// operands in shared memory, sums from weights in registers; both are asynchronous products of a group (wgmma).
//
// Shared memory: q, the stages of keys, those of values, room for results, rows that wait, barriers. A row's bits do not depend on its tile, as on sm_80, and are
// those of either schedule (skeletons/attention_forward.hpp, attention_forward_overlapped.hpp). Values of masked keys must be finite; keys from
// `length` on count nowhere and are not read.

#include <type_traits>

#include <tenon/kernels/atoms/sm80/attention_registers.hpp>
#include <tenon/kernels/atoms/sm90a/kept_rows.hpp>
#include <tenon/kernels/atoms/sm90a/mapped_rows.hpp>
#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/atoms/sm90a/ring.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

/// Layout: dense_keys or paged_keys, of which a block of keys is a part. Kept: what keys and values lie in memory as; of 8 bits `Waiting` blocks of each wait.
template <class Leaf, int Dim, int Keys, int Stages, int Consumers = 2, class Layout = dense_keys, class Kept = bf16, int Waiting = 1>
struct attention_words : sm80::attention_registers<Leaf, Dim, 1, Keys, bf16, typename Leaf::template held<float>, typename Leaf::template held<std::uint32_t>> {
  using registers = sm80::attention_registers<Leaf, Dim, 1, Keys, bf16, typename Leaf::template held<float>, typename Leaf::template held<std::uint32_t>>;
  using typename registers::address, typename registers::block, typename registers::rows, typename registers::tile, typename registers::view_of_block;
  using registers::first_row, registers::lane;
  static constexpr int consumers = Consumers, threads = 128 * (consumers + 1), group_rows = 64, block_rows = consumers * group_rows, block_keys = Keys;
  static constexpr int panels = Dim / panel_columns;
  static_assert(Dim % panel_columns == 0 && Keys % 16 == 0 && Keys <= 256 && (Consumers == 1 || Consumers == 2));
  using stages = ring<Leaf, Stages>;
  /// How keys and values reach their stages. source: one kv head of them.
  static constexpr bool scaled = kept_number<Kept>::scaled;
  using brought = typename std::conditional_t<scaled, std::type_identity<kept_rows<Leaf, Dim, Keys, Layout, Kept, Waiting>>, std::type_identity<mapped_rows<Leaf, Dim, Keys, Layout>>>::type;
  using source = typename brought::source;

  static constexpr address panel_bytes = Keys * panel_row, block_bytes = panels * panel_bytes;
  static constexpr address keys_at = block_rows * Dim * 2, values_at = keys_at + Stages * block_bytes, out_at = values_at + Stages * block_bytes;
  static constexpr address brought_at = out_at + block_rows * Dim * 2, keys_ring = brought_at + brought::bytes, values_ring = keys_ring + ring_bytes<Stages>;
  static constexpr int shared_bytes = static_cast<int>(values_ring + ring_bytes<Stages>);

  stages keys_ahead, values_ahead;

  TENON_BOTH TENON_INLINE explicit attention_words(float score_factor)
      : registers(Leaf::uniform(Leaf::thread() / 32) * 16, score_factor), keys_ahead(Leaf::shared() + keys_ring, 0), values_ahead(Leaf::shared() + values_ring, 0) {
    if (Leaf::thread() == 0) {
      stages::init(Leaf::shared() + keys_ring, block_rows / 16, brought::fillers);
      stages::init(Leaf::shared() + values_ring, block_rows / 16, brought::fillers);
      brought::init(Leaf::shared() + brought_at);
      Leaf::publish_arrivals();
    }
  }

  TENON_BOTH TENON_INLINE int group_row(int) const { return first_row / group_rows * group_rows; }
  /// Whether this thread brings keys and values, and computes nothing.
  TENON_BOTH TENON_INLINE bool produces() const { return first_row >= block_rows; }

  /// Copies q into shared memory: the block's rows, zeros from `count` on; or -q. By all threads, who then also see the barriers.
  template <class Rows>
  TENON_BOTH TENON_INLINE void hold(const Rows& from, int count, bool negative) const {
    constexpr int chunks = Dim / 8, at_once = block_rows * 2 / chunks;  // rows
    const int row = Leaf::thread() / chunks, chunk = Leaf::thread() % chunks;
    if (!produces())
      for (int r = row; r < block_rows; r += at_once) {
        const address to = Leaf::shared() + panel_offset<address>(block_rows, r, chunk);
        const bf16* const at = from(r < count ? r : 0) + chunk * 8;
        if (negative) {
          bits128 values = Leaf::load(reinterpret_cast<const bits128*>(at));
          for (std::uint32_t& pair : values.word) pair ^= 0x80008000u;
          Leaf::store_shared(to, values);
        } else {
          Leaf::copy_16(to, at, r < count ? 16 : 0);
        }
      }
    Leaf::commit();
    Leaf::template wait<0>();
    Leaf::fence_shared();
    Leaf::barrier();
  }

  /// What the producing threads do: each block on the path, as its stage becomes free.
  template <class Path>
  TENON_BOTH TENON_INLINE void produce(const source& in, const Path& path) const {
    if constexpr (consumers > 1) Leaf::template give_registers<brought::registers>();  // else there are enough for all
    brought::produce(in, path, (first_row - block_rows) / 16, stages(keys_ahead.barriers, 1), Leaf::shared() + keys_at, stages(values_ahead.barriers, 1), Leaf::shared() + values_at,
                     Leaf::shared() + brought_at);
  }

  // ---- in order: skeletons/attention_forward.hpp

  /// Calls body(block, end) for each block on the path.
  template <class Path, class Body>
  TENON_BOTH TENON_INLINE void stream(const source&, const Path& path, Body&& body) {
    if constexpr (consumers > 1) Leaf::template take_registers<brought::registers_beside>();
    for (int key = path.first(); key < path.to; key = path.next(key)) {
      block here;
      here.key0 = key;
      body(here, path.end(key));
      release(values_ahead);
    }
  }
  TENON_BOTH TENON_INLINE void await_keys(const block&) const { keys_ahead.await_full(); }
  TENON_BOTH TENON_INLINE void await_values(const block&) {
    release(keys_ahead);
    values_ahead.await_full();
  }
  /// s = q k^T, then the score, then the mask.
  template <class Meaning>
  TENON_BOTH TENON_INLINE void multiply(int, block& keys, view_of_block live, int row0, int count, const Meaning& mean) {
    issue_scores(keys);
    Leaf::template await_products<0>(keys.s);
    this->interpret(keys, live, row0, count, mean);
  }
  /// o = fade o + p v. `moved`: some fade of the warp is not 1.
  template <class Sums, class Meaning>
  TENON_BOTH TENON_INLINE void accumulate(Sums& sums, const rows& fade, bool moved, block& keys, view_of_block, int, int, const Meaning&) {
    this->scale(sums, fade, moved);
    issue_sums(sums, keys);
    Leaf::template await_products<0>(sums, keys.p);
  }

  // ---- overlapped: skeletons/attention_forward_overlapped.hpp

  /// Calls first(block, end) for the first block on the path, then(block, end) for each other one, and last(block); one block for all.
  template <class Path, class First, class Then, class Last>
  TENON_BOTH TENON_INLINE void stream_overlapped(const source&, const Path& path, First&& first, Then&& then, Last&& last) {
    if constexpr (consumers > 1) Leaf::template take_registers<brought::registers_beside>();
    int key = path.first();
    if (key >= path.to) return;
    block here;
    here.key0 = key;
    first(here, path.end(key));
    for (key = path.next(key); key < path.to; key = path.next(key)) {
      here.key0 = key;
      then(here, path.end(key));
    }
    last(here);
  }
  /// Waits for keys and begins s = q k^T.
  TENON_BOTH TENON_INLINE void begin_multiply(block& keys) const {
    keys_ahead.await_full();
    issue_scores(keys);
  }
  /// Waits for values and begins sums += p v.
  template <class Sums>
  TENON_BOTH TENON_INLINE void begin_accumulate(Sums& sums, block& keys) const {
    values_ahead.await_full();
    issue_sums(sums, keys);
  }
  /// Until the scores are there, with `Behind` younger products under way; their keys may be overwritten.
  template <int Behind>
  TENON_BOTH TENON_INLINE void wait_multiply(block& keys) {
    Leaf::template await_products<Behind>(keys.s);
    release(keys_ahead);
  }
  /// Until the sums are there.
  template <class Sums>
  TENON_BOTH TENON_INLINE void wait_last(Sums& sums, block& keys) const {
    Leaf::template await_products<0>(sums, keys.p);
  }
  /// The same; their values may be overwritten, and so may p.
  template <class Sums>
  TENON_BOTH TENON_INLINE void wait_accumulate(Sums& sums, block& keys) {
    wait_last(sums, keys);
    release(values_ahead);
  }

  /// Rows [0, count) of the block's tile = factor o.
  template <class Rows>
  TENON_BOTH TENON_INLINE void store(const Rows& rows_out, int count, const rows& by) const {
    this->store_through(Leaf::shared() + out_at + static_cast<address>(first_row * tile::row_bytes), rows_out, count, by);
  }

 private:
  TENON_BOTH TENON_INLINE void release(stages& used) const {
    if (lane() == 0) Leaf::arrive(used.empty());
    used.next();
  }
  TENON_BOTH TENON_INLINE void issue_scores(block& keys) const {
    const std::uint64_t q = along_rows(Leaf::shared() + static_cast<address>(group_row(0) * panel_row));
    const std::uint64_t k = along_rows(Leaf::shared() + keys_at + static_cast<address>(keys_ahead.stage) * block_bytes);
    Leaf::begin_products();
    TENON_UNROLL for (int step = 0; step < Dim / 16; ++step)
        Leaf::multiply(keys.s[0], q + static_cast<std::uint64_t>(step / 4 * block_rows * panel_row / 16 + step % 4 * 2),
                       k + static_cast<std::uint64_t>(step / 4 * static_cast<int>(panel_bytes) / 16 + step % 4 * 2), step > 0);
    Leaf::commit_products();
  }
  template <class Sums>
  TENON_BOTH TENON_INLINE void issue_sums(Sums& sums, block& keys) const {
    const std::uint64_t v = across_rows(Leaf::shared() + values_at + static_cast<address>(values_ahead.stage) * block_bytes, static_cast<int>(panel_bytes));
    Leaf::begin_products(sums, keys.p);
    TENON_UNROLL for (int step = 0; step < Keys / 16; ++step) Leaf::multiply_rows(sums[0], keys.p[0][step], v + static_cast<std::uint64_t>(step * 16 * panel_row / 16));
    Leaf::commit_products();
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
