#pragma once
// What is known of every byte of a block's shared memory: who wrote it last and when, who read it since, whether a copy is
// under way. Time counts synchronisations; two accesses are ordered when a barrier of the block, or, within a warp, an
// instruction that all its lanes execute together, completed between them.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <tenon/kernels/atoms/simulated/site.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// Who accesses, and since when its warp and its block are in step.
struct accessor {
  std::uint32_t thread, warp_start, block_start, now;
  site_id at;
};

/// What an access ran into; `with` is the other thread of a race.
struct conflict {
  enum kind_of : std::uint8_t { none, race_write_write, race_read_write, race_write_read, unwritten, in_flight } kind = none;
  std::uint32_t with = 0;
  site_id at = 0;
  std::size_t byte = 0;
};

/// One cell per byte.
class shared_shadow {
 public:
  void reset(std::size_t bytes, std::uint32_t warp) {
    cells_.assign(bytes, cell{});
    warp_ = warp;
  }

  /// The first conflict of a read of [at, at + bytes), or none.
  conflict read(std::size_t at, std::size_t bytes, const accessor& by) {
    conflict found;
    for (std::size_t i = at; i < at + bytes; ++i) {
      cell& c = cells_[i];
      if (found.kind == conflict::none) {
        if (c.pending)
          found = {conflict::in_flight, c.writer, c.write_site, i};
        else if (!c.written)
          found = {conflict::unwritten, 0, 0, i};
        else if (c.writer != by.thread && c.write_time >= since(c.writer, by))
          found = {conflict::race_write_read, c.writer, c.write_site, i};
      }
      if (c.read_time < by.block_start) {
        c.warps = c.lanes = 0;
      } else if (c.reader != by.thread) {
        if (c.reader / warp_ != by.thread / warp_)
          c.warps = 1;
        else if (c.read_time >= by.warp_start)
          c.lanes = 1;
        else
          c.lanes = 0;
      }
      c.reader = by.thread & 0xfff, c.read_time = by.now, c.read_site = by.at;
    }
    return found;
  }

  /// The first conflict of a write; `pending`: the issue of an asynchronous copy, whose bytes may arrive at any time.
  conflict write(std::size_t at, std::size_t bytes, const accessor& by, bool pending = false) {
    conflict found;
    for (std::size_t i = at; i < at + bytes; ++i) {
      cell& c = cells_[i];
      if (found.kind == conflict::none) {
        const bool other_reader = c.reader != by.thread;
        if (c.pending)
          found = {conflict::in_flight, c.writer, c.write_site, i};
        else if (c.writer != by.thread && c.write_time != 0 && c.write_time >= since(c.writer, by))
          found = {conflict::race_write_write, c.writer, c.write_site, i};
        else if (c.read_time != 0 && c.read_time >= by.block_start &&
                 (c.warps || (other_reader && c.reader / warp_ != by.thread / warp_) ||
                  (c.read_time >= by.warp_start && (other_reader || c.lanes))))
          found = {conflict::race_read_write, c.reader, c.read_site, i};
      }
      stamp(c, by);
      c.pending = pending;
      c.written = 1;
      c.read_time = 0, c.warps = c.lanes = 0;
    }
    return found;
  }

  /// A copy of `by.thread` was waited for: from now on it is a write of that thread.
  void land(std::size_t at, std::size_t bytes, const accessor& by) {
    for (std::size_t i = at; i < at + bytes; ++i) {
      stamp(cells_[i], by);
      cells_[i].pending = 0;
    }
  }

 private:
  struct cell {
    std::uint32_t write_time = 0, read_time = 0;  // 0: never
    site_id write_site = 0, read_site = 0;
    std::uint16_t writer : 12 = 0, written : 1 = 0, pending : 1 = 0;
    std::uint16_t reader : 12 = 0, lanes : 1 = 0, warps : 1 = 0;  // lanes, warps: others of this warp, of other warps read too
  };
  std::uint32_t since(std::uint32_t other, const accessor& by) const {
    return other / warp_ == by.thread / warp_ ? by.warp_start : by.block_start;
  }
  static void stamp(cell& c, const accessor& by) { c.writer = by.thread & 0xfff, c.write_time = by.now, c.write_site = by.at; }

  std::vector<cell> cells_;
  std::uint32_t warp_ = 32;
};

}  // namespace simulation
TENON_KERNELS_END
