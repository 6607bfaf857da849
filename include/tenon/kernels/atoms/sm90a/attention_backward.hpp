#pragma once
// The words of attention's gradients on sm_90a. Two groups of 128 threads keep 64 keys or 64 rows each and compute; a third one brings both
// operands of what stays, once, and of what goes by, through a ring of stages. Scores come from operands in shared memory, sums from weights in
// registers: both are asynchronous products of a group (wgmma), and nothing of a tile goes through shared memory in between.
//
// Shared memory: what stays, the stages of what goes by, room for results, the facts of rows that go by, barriers. Order of summation, and what must
// be finite, as on sm_80; keys and values from `length` on are never read.

#include <tenon/kernels/atoms/sm80/attention_backward_registers.hpp>
#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/atoms/sm90a/ring.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

/// What the copy engine knows of a call, for the boxes of one walk.
struct backward_maps {
  tensor_map keys[2];  ///< and values: [batch, kv_head, key, Dim], `mapped` keys of which a sequence may have fewer
  tensor_map rows[2];  ///< q and d_out: [batch, query, head, Dim], if `boxed`: else rows come one by one
  int mapped;
  bool boxed;
};

template <class Leaf, gradients_of Kept, int Dim, int Across, int Stages>
struct attention_backward_words : sm80::attention_backward_registers<Leaf, Kept, Dim, 1, Across, bf16, typename Leaf::template held<float>, typename Leaf::template held<std::uint32_t>> {
  using registers = sm80::attention_backward_registers<Leaf, Kept, Dim, 1, Across, bf16, typename Leaf::template held<float>, typename Leaf::template held<std::uint32_t>>;
  using typename registers::address, typename registers::tile;
  using registers::first, registers::lane, registers::of_keys, registers::sums;
  static constexpr int consumers = 2, threads = 128 * (consumers + 1), group_rows = 64, kept = consumers * group_rows;
  static constexpr int block_keys = of_keys ? kept : Across, tile_rows = of_keys ? Across : kept;
  static constexpr int panels = Dim / panel_columns, producer_registers = 24, consumer_registers = 240;
  static_assert(Dim % panel_columns == 0 && Across % 32 == 0);
  using stages = ring<Leaf, Stages>;
  using operand = tensor_map;

  static constexpr address kept_bytes = kept * Dim * 2, passing_bytes = Across * Dim * 2, stage_bytes = 2 * passing_bytes, facts_bytes = of_keys ? Across * 8 : 0;
  static constexpr address passing_at = 2 * kept_bytes, out_at = passing_at + Stages * stage_bytes, facts_at = out_at + kept_bytes;
  static constexpr address ring_at = facts_at + Stages * facts_bytes;
  static constexpr int shared_bytes = static_cast<int>(ring_at + ring_bytes<Stages>);

  /// What to walk over, with its maps: of rows from query `first_query` on.
  template <class Rows>
  struct source : backward_source<bf16, Rows> {
    const backward_maps& maps;
    int kv_head, batch, first_query;
  };
  template <class Rows>
  struct block {
    int key0;
    const source<Rows>& in;
  };

  stages ahead;

  TENON_BOTH TENON_INLINE explicit attention_backward_words(float score_factor) : registers(Leaf::uniform(Leaf::thread() / 32) * 16, score_factor), ahead(Leaf::shared() + ring_at, 0) {
    if (Leaf::thread() == 0) {
      stages::init(Leaf::shared() + ring_at, kept / 16, 2);
      Leaf::publish_arrivals();
    }
    Leaf::barrier();
  }

  /// Whether this thread brings, and computes nothing: it walks with the words of bringing() instead.
  TENON_BOTH TENON_INLINE bool produces() const { return first >= kept; }

  // Count keys and their values from `key` on. The maps end where the longest sequence does: what lies behind a shorter one's end may be anything, and 0
  // times it must be 0.
  template <int Count, class Rows>
  struct some_keys {
    const source<Rows>& in;
    int key;
    TENON_BOTH TENON_INLINE bool boxed() const { return key + Count <= in.length || in.length == in.maps.mapped; }
    TENON_BOTH TENON_INLINE void bring(address to, address barrier) const {
      const bf16 *const keys = in.keys + in.head + index_t{key} * Dim, *const values = in.values + in.head + index_t{key} * Dim;
      bring_both<Count>(to, barrier, in.maps.keys, boxed(), key, in.kv_head, in.batch, in.length - key,
                        [&](int which, int row) TENON_LAMBDA { return (which == 0 ? keys : values) + index_t{row} * Dim; });
    }
    TENON_BOTH TENON_INLINE void bring_facts(address) const {}
  };
  // Count rows of q and of d_out from `row0` of `rows` on, and their facts.
  template <int Count, class Rows>
  struct some_rows {
    static constexpr int group = Rows::group;
    const source<Rows>& in;
    int row0, rows;
    TENON_BOTH TENON_INLINE bool boxed() const { return Count % group == 0 && in.maps.boxed; }
    TENON_BOTH TENON_INLINE void bring(address to, address barrier) const {
      bring_both<Count>(to, barrier, in.maps.rows, boxed(), in.kv_head * group, in.first_query + row0 / group, in.batch, rows - row0,
                        [&](int which, int row) TENON_LAMBDA { return which == 0 ? in.q(row0 + row) : in.d_out(row0 + row); });
    }
    TENON_BOTH TENON_INLINE void bring_facts(address to) const {
      if (in.facts == nullptr) return;
      for (int i = lane(); i < Count / 2; i += 32) Leaf::copy_16(Leaf::shared() + to + static_cast<address>(16 * i), in.facts + (2 * row0 + 4 * i), 16);
    }
  };
  // By one warp: Count rows of two operands, of which `there` exist and the others are zeros: from (y, z, w) on through the copy engine, or one by one.
  template <int Count, class RowOf>
  TENON_BOTH TENON_INLINE static void bring_both(address to, address barrier, const tensor_map (&maps)[2], bool boxed, int y, int z, int w, int there, const RowOf& row_of) {
    constexpr int chunks = Dim / 8;
    constexpr address panel_bytes = Count * panel_row, operand_bytes = panels * panel_bytes;
    if (boxed) {
      if (lane() == 0)
        TENON_UNROLL for (int p = 0; p < 2 * panels; ++p)
            Leaf::copy_box(Leaf::shared() + to + static_cast<address>(p) * panel_bytes, maps[p / panels], barrier, p % panels * panel_columns, y, z, w);
    } else {
      const int chunk = lane() % chunks, at_once = Leaf::uniform(32 / chunks);  // no constant to the compiler, which else unrolls: this thread has few registers
      for (int which = 0; which < 2; ++which)
        for (int row = lane() / chunks; row < Count; row += at_once)
          Leaf::copy_16(Leaf::shared() + to + static_cast<address>(which) * operand_bytes + panel_offset<address>(Count, row, chunk), row_of(which, row < there ? row : 0) + chunk * 8,
                        row < there ? 16 : 0);
    }
  }

  /// The words of who brings: what is computed meanwhile is nothing to it.
  struct bringing_words {
    static constexpr int block_keys = attention_backward_words::block_keys, tile_rows = attention_backward_words::tile_rows;
    stages behind;
    bool brings;  ///< one warp is enough

    template <class Rows, class Path, class Body>
    TENON_BOTH TENON_INLINE void stream(const source<Rows>& in, const Path& path, Body&& body) {
      const int key = path.rows == 0 || !brings ? path.to : path.first();
      if (key >= path.to) return;
      if constexpr (of_keys)
        body(block<Rows>{key, in}, path.end(key));
      else
        flow(path, path.to, some_rows<kept, Rows>{in, 0, path.rows}, [&](int at) TENON_LAMBDA { return some_keys<Across, Rows>{in, at}; });
    }
    template <class Rows, class Path, class Body>
    TENON_BOTH TENON_INLINE void each_tile(const block<Rows>& keys, const Path& path, Body&&) {
      flow(path, path.rows, some_keys<kept, Rows>{keys.in, keys.key0}, [&](int at) TENON_LAMBDA { return some_rows<Across, Rows>{keys.in, at, path.rows}; });
    }
    template <class... Tile>
    TENON_BOTH TENON_INLINE static void multiply(Tile&&...) {}
    template <class... Tile>
    TENON_BOTH TENON_INLINE static void differentiate(Tile&&...) {}
    template <class... Tile>
    TENON_BOTH TENON_INLINE static void accumulate_query(Tile&&...) {}
    template <class... Tile>
    TENON_BOTH TENON_INLINE static void accumulate_values(Tile&&...) {}
    template <class... Tile>
    TENON_BOTH TENON_INLINE static void accumulate_keys(Tile&&...) {}

   private:
    // By one warp, for each place on the path: what goes by, as its stage becomes free, and what stays with the first of it. A stage is full after what its
    // boxes bring was announced and has come, and what comes row by row has.
    template <class Path, class Stays, class Goes>
    TENON_BOTH TENON_INLINE void flow(const Path& path, int end, const Stays& stays, const Goes& goes) {
      bool first = true;
      for (int at = path.first(); at < end; at = path.next(at)) {
        const auto next = goes(at);
        const address barrier = behind.full();
        behind.await_empty();
        if (lane() == 0) Leaf::arrive_expecting(barrier, (next.boxed() ? static_cast<int>(stage_bytes) : 0) + (first && stays.boxed() ? static_cast<int>(2 * kept_bytes) : 0));
        if (first) stays.bring(0, barrier);
        next.bring(passing_at + static_cast<address>(behind.stage) * stage_bytes, barrier);
        next.bring_facts(facts_of_stage(behind.stage));
        Leaf::commit();
        Leaf::template wait<0>();
        Leaf::fence_shared();
        Leaf::sync_warp();
        if (lane() == 0) Leaf::arrive(barrier);
        behind.next(), first = false;
      }
    }
  };
  TENON_BOTH TENON_INLINE bringing_words bringing() const {
    Leaf::template give_registers<producer_registers>();
    return {stages(ahead.barriers, 1), first == kept};
  }

  /// Calls body(block, end) for each block of keys on the path: for the one that stays, or for those that go by.
  template <class Rows, class Path, class Body>
  TENON_BOTH TENON_INLINE void stream(const source<Rows>& in, const Path& path, Body&& body) {
    Leaf::template take_registers<consumer_registers>();
    const int key = path.rows == 0 ? path.to : path.first();
    if (key >= path.to) return;
    if constexpr (!of_keys) this->take_facts(in, path.rows);
    if constexpr (of_keys)
      body(block<Rows>{key, in}, path.end(key));
    else
      flow(path, path.to, [&](int at) TENON_LAMBDA { body(block<Rows>{at, in}, path.end(at)); });
  }
  /// Calls body(tile) for each tile of rows on the path of which this group sees something: for those that go by, or for the one that stays.
  template <class Rows, class Path, class Body>
  TENON_BOTH TENON_INLINE void each_tile(const block<Rows>& keys, const Path& path, Body&& body) {
    const auto all = [&](tile& of) TENON_LAMBDA {
      body(of);
      Leaf::commit_products();
      Leaf::template await_products<0>(sums, of.left);
    };
    const int own = group_row();
    if constexpr (of_keys)
      flow(path, path.rows, [&](int at) TENON_LAMBDA { this->visit(path.mean, at, path.end(at), keys.key0 + own, keys.key0 + own + group_rows, keys.key0, all); });
    else if (own < path.rows)
      this->visit(path.mean, own, own + group_rows < path.rows ? own + group_rows : path.rows, keys.key0, keys.key0 + Across, keys.key0, all);
  }

  /// x = q k^T and dw = d_out v^T, as rows of what stays.
  template <class Block>
  TENON_BOTH TENON_INLINE void multiply(tile& of, const Block&) const {
    Leaf::begin_products();
    issue(of.x[0], 0), issue(of.dw[0], 1);
    Leaf::commit_products();
    Leaf::template await_products<0>(of.x, of.dw);
  }
  /// x and dw become w and dx.
  template <class Block, class Meaning, class Slopes>
  TENON_BOTH TENON_INLINE void differentiate(tile& of, const Block& keys, const Meaning& mean, const Slopes& slopes) const {
    this->differentiate_tile(of, keys.key0, mean, slopes, Leaf::shared() + facts_of_stage(ahead.stage));
  }
  /// dq += dx k, where rows stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_query(tile& of, const Block&) {
    if constexpr (!of_keys) add<0>(of);
  }
  /// dv += w^T d_out, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_values(tile& of, const Block&) {
    if constexpr (of_keys) add<1>(of);
  }
  /// dk += dx^T q, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_keys(tile& of, const Block&) {
    if constexpr (of_keys) add<0>(of);
  }

  /// Rows [0, count) of what stays = factor sums[Which].
  template <int Which, class Rows>
  TENON_BOTH TENON_INLINE void store(const Rows& out, int count, float by) const {
    this->template store_through<Which>(Leaf::shared() + out_at + static_cast<address>(first * registers::shared::row_bytes), out, count, by);
  }

 private:
  TENON_BOTH TENON_INLINE int group_row() const { return first / group_rows * group_rows; }
  TENON_BOTH TENON_INLINE static address facts_of_stage(int stage) { return facts_at + static_cast<address>(stage) * facts_bytes; }

  // Calls body(at) for each place on the path, when it is there, and then frees its stage.
  template <class Path, class Body>
  TENON_BOTH TENON_INLINE void flow(const Path& path, int end, const Body& body) {
    for (int at = path.first(); at < end; at = path.next(at)) {
      ahead.await_full();
      body(at);
      if (lane() == 0) Leaf::arrive(ahead.empty());
      ahead.next();
    }
  }
  // s = what stays times what goes by, operand `which` of both.
  TENON_BOTH TENON_INLINE void issue(typename Leaf::template held<float> (&s)[Across / 8][4], int which) const {
    const std::uint64_t a = along_rows(Leaf::shared() + static_cast<address>(which) * kept_bytes + static_cast<address>(group_row() * panel_row));
    const std::uint64_t b = along_rows(Leaf::shared() + passing_at + static_cast<address>(ahead.stage) * stage_bytes + static_cast<address>(which) * passing_bytes);
    TENON_UNROLL for (int step = 0; step < Dim / 16; ++step)
        Leaf::multiply(s, a + static_cast<std::uint64_t>(step / 4 * kept * panel_row / 16 + step % 4 * 2), b + static_cast<std::uint64_t>(step / 4 * Across * panel_row / 16 + step % 4 * 2), step > 0);
  }
  // Begins sums[Which] += the left operand times what goes by, whose rows are the depth.
  template <int Which>
  TENON_BOTH TENON_INLINE void add(tile& of) {
    const std::uint64_t b = across_rows(Leaf::shared() + passing_at + static_cast<address>(ahead.stage) * stage_bytes + Which * passing_bytes, Across * panel_row);
    if constexpr (Which == registers::operands - 1) Leaf::begin_products(sums, of.left);  // the first of the tile's
    TENON_UNROLL for (int step = 0; step < Across / 16; ++step) Leaf::multiply_rows(sums[Which][0], of.left[Which][0][step], b + static_cast<std::uint64_t>(step * 16 * panel_row / 16));
  }
};

}  // namespace atoms::sm90a
TENON_KERNELS_END
