#pragma once
// The words of attention's gradients on AMD's GPUs. What stays with a block of threads (a block of keys and values, or a tile of q and d_out) is
// the right side of its products: a wave owns `side` rows of it, one to a lane and to the lane `side` above it, in registers or in shared memory.
// What goes by, `across` rows at a time, comes through registers into shared memory, straight for x and dw and crossed for the sums, while the rows
// before are used, `side` of them at a time.
// Products are transposed: their columns are the rows that stay, so that x and dw, rounded, are the right operand of the sums.
//
// Order of summation: chains in order of the rows, and of the keys. Numbers of q, d_out and of masked keys and values must be finite (0 x infinity
// is NaN); keys and values from `length` on are never read.

#include <tenon/core/view.hpp>
#include <tenon/kernels/atoms/amd/lane_tile.hpp>
#include <tenon/kernels/shared/device_slopes.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

/// Where what stays is kept.
enum class kept_in : unsigned char { registers, shared_memory };

/// Number: bf16 or f16, of q, d_out, keys, values and, rounded, of w and dx.
template <class Leaf, gradients_of Kept, int Dim, int Warps, kept_in Where, class Number = bf16>
struct attention_backward_words {
  static constexpr bool of_keys = Kept == gradients_of::keys;
  using lane_tile = amd::lane_tile<Leaf, Dim, Number>;
  static constexpr int side = Leaf::side, threads = Leaf::lanes * Warps, kept = Warps * side, per_tile = lane_tile::per_tile;
  static constexpr int across = 16 * threads / Dim;  ///< rows that go by at a time: a thread copies two dims of eight of them
  static constexpr int block_keys = of_keys ? kept : across, tile_rows = of_keys ? across : kept;
  static constexpr int steps = side / 16;
  static_assert(across % side == 0);
  using address = typename Leaf::address;
  using sums_type = typename lane_tile::sums;

  // Shared memory: q and d_out straight, both crossed and the facts of their rows; or keys and values straight, keys crossed.
  static constexpr address straight_bytes = across * lane_tile::row_bytes, crossed_bytes = across * Dim * 2;
  static constexpr address crossed_at = 2 * straight_bytes, facts_at = crossed_at + 2 * crossed_bytes;
  // And behind these what stays, where that is kept there.
  static constexpr bool aside = Where == kept_in::shared_memory;
  static constexpr address aside_at = of_keys ? facts_at + across * 8 : crossed_at + crossed_bytes, aside_bytes = aside ? kept * lane_tile::row_bytes : 0;
  static constexpr int shared_bytes = static_cast<int>(aside_at + 2 * aside_bytes);

  template <class Rows>
  using source = backward_source<Number, Rows>;
  template <class Rows>
  using block = backward_block<Number, Rows>;
  /// Rows [row0, end) of what this wave sees: x and dw, then w and dx, then both as right operands.
  struct tile {
    int row0, end;
    cover inside;
    std::uint32_t seen;  // where only some scores live: one bit for each of this lane
    sums_type x[1], dw[1];
    bits128 w_right[steps], dx_right[steps];
  };

  int first;                                              ///< row of this wave in what stays
  sums_type sums[of_keys ? 2 : 1][Dim / side];            ///< of dk and dv, or of dq, transposed
  typename lane_tile::operand stays[2][aside ? 1 : Dim / 16];  ///< the lane's key and value, or q and d_out
  std::uint32_t coming[2][8];                             // on their way to shared memory
  bits128 coming_facts;
  int part = 0;  // first row in use of those that went by
  float factor;
  float reference, agreement;  // of the lane's row, where rows stay

  TENON_BOTH TENON_INLINE explicit attention_backward_words(float score_factor) : first(Leaf::uniform(Leaf::thread() / Leaf::lanes) * side), factor(score_factor) {
    TENON_UNROLL for (auto& of : sums)
      TENON_UNROLL for (sums_type& each : of) each = sums_type{};
  }
  TENON_BOTH TENON_INLINE static int lane() { return lane_tile::lane(); }

  /// Calls body(block, end) for each block of keys on the path: for the one that stays, or for those that go by.
  template <class Rows, class Path, class Body>
  TENON_BOTH TENON_INLINE void stream(const source<Rows>& in, const Path& path, Body&& body) {
    const int key = path.rows == 0 ? path.to : path.first();
    if (key >= path.to) return;
    if constexpr (of_keys) {
      const int own = key + kept_row();
      hold(in.keys + in.head + index_t{own} * Dim, in.values + in.head + index_t{own} * Dim, own < in.length);
      body(block<Rows>{key, in}, path.end(key));
    } else {
      const int own = kept_row() < path.rows ? kept_row() : 0;
      hold(in.q(own), in.d_out(own), kept_row() < path.rows);
      take_facts(in, path.rows);
      flow(path, path.to, [&](int at) TENON_LAMBDA {
        fetch([&](int key_of) TENON_LAMBDA { return in.keys + in.head + index_t{key_of} * Dim; }, [&](int key_of) TENON_LAMBDA { return in.values + in.head + index_t{key_of} * Dim; }, at, in.length);
      }, [&](int at) TENON_LAMBDA { body(block<Rows>{at, in}, at + side < path.to ? at + side : path.to); });
    }
  }
  /// Calls body(tile) for each tile of rows on the path of which this wave sees something: for those that go by, or for the one that stays.
  template <class Rows, class Path, class Body>
  TENON_BOTH TENON_INLINE void each_tile(const block<Rows>& keys, const Path& path, Body&& body) {
    if constexpr (of_keys) {
      flow(path, path.rows, [&](int at) TENON_LAMBDA {
        fetch(keys.in.q, keys.in.d_out, at, path.rows);
        if (keys.in.facts != nullptr && Leaf::thread() < across / 2) coming_facts = Leaf::load(reinterpret_cast<const bits128*>(keys.in.facts + (2 * at + 4 * Leaf::thread())));
      }, [&](int at) TENON_LAMBDA { visit(path, at, at + side < path.rows ? at + side : path.rows, keys.key0 + first, keys.key0 + first + side, keys.key0, body); });
    } else if (first < path.rows) {
      visit(path, first, first + side < path.rows ? first + side : path.rows, keys.key0, keys.key0 + side, keys.key0, body);
    }
  }

  /// x = q k^T and dw = d_out v^T, as columns of what stays.
  template <class Block>
  TENON_BOTH TENON_INLINE void multiply(tile& of, const Block&) const {
    const address from = Leaf::shared() + static_cast<address>(part * lane_tile::row_bytes);
    lane_tile::multiply_steps(of.x, from, [this](int step) TENON_LAMBDA { return staying(0, step); });
    lane_tile::multiply_steps(of.dw, from + straight_bytes, [this](int step) TENON_LAMBDA { return staying(1, step); });
  }
  /// x and dw become w and dx.
  template <class Block, class Meaning, class Slopes>
  TENON_BOTH TENON_INLINE void differentiate(tile& of, const Block& keys, const Meaning& mean, const Slopes& slopes) const {
    const position own = mean.at(row_within(of, kept_row()), 0);
    TENON_UNROLL for (int e = 0; e < per_tile; e += 4) {
      const int passes = lane_tile::first_row() + lane_tile::row_of(e);
      bits128 facts[2]{};  // of four neighbours
      if constexpr (of_keys && Slopes::of_rows)
        TENON_UNROLL for (int i = 0; i < 2; ++i) facts[i] = Leaf::template load_shared<bits128>(Leaf::shared() + facts_at + static_cast<address>(8 * (part + passes) + 16 * i));
      TENON_UNROLL for (int i = 0; i < 4; ++i) {
        if constexpr (!Meaning::plain) Leaf::in_steps();  // one score after the other
        const position p = of_keys ? mean.at(row_within(of, of.row0 + passes + i), 0) : own;
        const float refers = of_keys ? bit_cast<float>(facts[i / 2].word[i % 2 * 2]) : reference, agrees = of_keys ? bit_cast<float>(facts[i / 2].word[i % 2 * 2 + 1]) : agreement;
        float x = of.x[0][e + i], dw = of.dw[0][e + i];
        device_differentiate<Leaf>(x, dw, mean, slopes, p, keys.key0 + (of_keys ? kept_row() : passes + i), factor, refers, agrees);
        of.x[0][e + i] = x, of.dw[0][e + i] = dw;
      }
    }
    if (of.inside != cover::all)
      TENON_UNROLL for (int e = 0; e < per_tile; ++e) {
        const bool sees = (of.seen >> e & 1u) != 0;
        of.x[0][e] = sees ? of.x[0][e] : 0.0f, of.dw[0][e] = sees ? of.dw[0][e] : 0.0f;
      }
    if constexpr (of_keys) lane_tile::pack(of.w_right, of.x);
    lane_tile::pack(of.dx_right, of.dw);
  }
  /// dq += dx k, where rows stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_query(const tile& of, const Block&) {
    if constexpr (!of_keys) lane_tile::add_product(sums[0], crossed(0), of.dx_right);
  }
  /// dv += w^T d_out, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_values(const tile& of, const Block&) {
    if constexpr (of_keys) lane_tile::add_product(sums[1], crossed(1), of.w_right);
  }
  /// dk += dx^T q, where keys stay.
  template <class Block>
  TENON_BOTH TENON_INLINE void accumulate_keys(const tile& of, const Block&) {
    if constexpr (of_keys) lane_tile::add_product(sums[0], crossed(0), of.dx_right);
  }

  /// dx of the tile, where rows stay, for all threads of the block to hear of after a barrier: [tile_rows][left_pitch] floats at `to`, a row of
  /// left_keys keys; or zeros, where this wave saw nothing.
  static constexpr int left_keys = side, left_pitch = side + 4;  // eight rows fall into different banks
  static constexpr bool meets_between_blocks = false;  // parts of what goes by follow each other
  TENON_BOTH TENON_INLINE void leave(const tile& of, address to) const {
    leave(to, [&of](int e) TENON_LAMBDA { return bit_cast<std::uint32_t>(static_cast<float>(of.dw[0][e])); });
  }
  TENON_BOTH TENON_INLINE void leave_nothing(address to) const {
    leave(to, [](int) TENON_LAMBDA { return 0u; });
  }

  /// Rows [0, count) of what stays = factor sums[Which].
  template <int Which, class Rows>
  TENON_BOTH TENON_INLINE void store(const Rows& out, int count, float by) const {
    if (kept_row() < count) lane_tile::store(out(kept_row()), sums[Which], by);
  }

 private:
  // The lane's row of what stays; and a row, or the last one.
  TENON_BOTH TENON_INLINE int kept_row() const { return first + lane() % side; }
  TENON_BOTH TENON_INLINE static int row_within(const tile& of, int row) { return row < of.end ? row : of.end - 1; }
  TENON_BOTH TENON_INLINE void hold(const Number* one, const Number* other, bool there) {
    if constexpr (aside) {
      typename lane_tile::operand row[Dim / 16];
      lane_tile::hold(row, one, there), lane_tile::put_aside(place_aside(0), row);
      lane_tile::hold(row, other, there), lane_tile::put_aside(place_aside(1), row);
    } else {
      lane_tile::hold(stays[0], one, there), lane_tile::hold(stays[1], other, there);
    }
  }
  TENON_BOTH TENON_INLINE address place_aside(int which) const { return Leaf::shared() + aside_at + static_cast<address>(which * static_cast<int>(aside_bytes) + kept_row() * lane_tile::row_bytes); }
  TENON_BOTH TENON_INLINE typename lane_tile::operand staying(int which, int step) const {
    if constexpr (aside)
      return lane_tile::take_aside(place_aside(which), step);
    else
      return stays[which][step];
  }

  // The rows in use of the first or second crossed tile.
  TENON_BOTH TENON_INLINE address crossed(int which) const { return Leaf::shared() + crossed_at + static_cast<address>(which * static_cast<int>(crossed_bytes) + part * Dim * 2); }

  // Calls body(row) for `side` rows at a time of each place on the path, while what the next one needs is on its way.
  template <class Path, class Fetch, class Body>
  TENON_BOTH TENON_INLINE void flow(const Path& path, int end, const Fetch& from, const Body& body) {
    int at = path.first();
    if (at < end) from(at);
    while (at < end) {
      const int next = path.next(at);
      arrive();
      Leaf::barrier();
      if (next < end) from(next);
      if constexpr (across == side)
        body(at);
      else
        for (part = 0; part < across && at + part < end; part += side) body(at + part);
      if (next < end) Leaf::barrier();  // all are done with this one
      at = next;
    }
  }
  // The mask is asked before there are scores: what it needs then has their registers.
  template <class Path, class Body>
  TENON_BOTH TENON_INLINE void visit(const Path& path, int row0, int row_end, int key0, int key_end, int block_key, const Body& body) const {
    tile here;  // made anew: a wave that skips it keeps nothing alive
    here.row0 = row0, here.end = row_end, here.inside = path.mean.covers(row0, row_end, key0, key_end);
    if (here.inside == cover::none) return;
    if (here.inside != cover::all) {
      here.seen = 0;
      for (int e = 0; e < per_tile; ++e) {
        const int passes = lane_tile::first_row() + lane_tile::row_of(e);
        const bool sees = path.mean.keep(row_within(here, of_keys ? row0 + passes : kept_row()), block_key + (of_keys ? kept_row() : passes));
        here.seen |= static_cast<std::uint32_t>(sees) << e;
      }
    }
    body(here);
  }

  // This thread's share of what goes by: two dims of the 8 rows of a group, of both matrices; zeros from `count` on.
  template <class One, class Other>
  TENON_BOTH TENON_INLINE void fetch(const One& one, const Other& other, int row0, int count) {
    const int dim = Leaf::thread() % (Dim / 2) * 2, group = Leaf::thread() / (Dim / 2);
    TENON_UNROLL for (int i = 0; i < 8; ++i) {
      const int row = row0 + lane_tile::row_of_group(group, i);
      coming[0][i] = row < count ? Leaf::load(reinterpret_cast<const std::uint32_t*>(one(row) + dim)) : 0u;
      coming[1][i] = row < count ? Leaf::load(reinterpret_cast<const std::uint32_t*>(other(row) + dim)) : 0u;
    }
  }
  TENON_BOTH TENON_INLINE void arrive() const {
    const int dim = Leaf::thread() % (Dim / 2) * 2, group = Leaf::thread() / (Dim / 2);
    TENON_UNROLL for (int which = 0; which < 2; ++which) {
      lane_tile::store_straight(Leaf::shared() + (which == 0 ? 0 : straight_bytes), group, dim, coming[which]);
      if (which == 0 || of_keys) lane_tile::store_crossed(Leaf::shared() + crossed_at + (which == 0 ? 0 : crossed_bytes), group, dim, coming[which]);
    }
    if constexpr (of_keys)
      if (Leaf::thread() < across / 2) Leaf::store_shared(Leaf::shared() + facts_at + static_cast<address>(16 * Leaf::thread()), coming_facts);
  }
  template <class F>
  TENON_BOTH TENON_INLINE void leave(address to, const F& of) const {
    TENON_UNROLL for (int e = 0; e < per_tile; e += 4)
      Leaf::store_shared(to + static_cast<address>(4 * (kept_row() * left_pitch + lane_tile::first_row() + lane_tile::row_of(e))), bits128{{of(e), of(e + 1), of(e + 2), of(e + 3)}});
  }
  // The facts of the lane's row.
  template <class Source>
  TENON_BOTH TENON_INLINE void take_facts(const Source& in, int count) {
    bits64 both{};
    if (in.facts != nullptr && kept_row() < count) both = Leaf::load(reinterpret_cast<const bits64*>(in.facts + 2 * kept_row()));
    reference = kept_row() < count ? bit_cast<float>(both.word[0]) : no_weights, agreement = bit_cast<float>(both.word[1]);
  }
};

}  // namespace atoms::amd
TENON_KERNELS_END
