#pragma once
// What is known of every byte of a block's shared memory: who wrote it last and when, who read it since, whether a copy is
// under way. Time counts synchronisations; two accesses are ordered when a barrier of the block, or, within a warp, an
// instruction that all its lanes execute together, completed between them, or a phase of a barrier that one ended and the other
// waited for. Copies of boxes write as threads of their own, one per barrier.

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
  const std::uint32_t* seen = nullptr;  // by thread: up to when its accesses come before this one, by barriers with phases
};

/// What an access ran into; `with` is the other thread of a race.
struct conflict {
  enum kind_of : std::uint8_t { none, race_write_write, race_read_write, race_write_read, unwritten, in_flight, in_use, unfenced } kind = none;
  std::uint32_t with = 0;
  site_id at = 0;
  std::size_t byte = 0;
};

/// Which pieces of 16 bytes asynchronous products read: how many still do, and when each warp's last one was done.
class product_reads {
 public:
  void reset() { pieces_.clear(); }
  bool any() const { return !pieces_.empty(); }
  void begin(std::size_t at, std::size_t of_bytes, std::size_t warps, site_id where, std::uint32_t thread) {
    if (pieces_.empty()) pieces_.assign(of_bytes / 16 + 1, {}), done_.assign((of_bytes / 16 + 1) * warps, 0), warps_ = warps;
    piece& p = pieces_[at / 16];
    ++p.under_way, p.where = where, p.thread = thread;
  }
  void end(std::size_t at, std::size_t warp, std::uint32_t now) {
    --pieces_[at / 16].under_way;
    done_[at / 16 * warps_ + warp] = now;
  }
  /// What a write to a byte runs into; since(thread) as of the shadow.
  template <class Since>
  conflict before_write(std::size_t byte, std::uint32_t warp_size, Since&& since) const {
    const piece& p = pieces_[byte / 16];
    if (p.under_way != 0) return {conflict::in_use, p.thread, p.where, byte};
    for (std::size_t w = 0; w < warps_; ++w) {
      const std::uint32_t done = done_[byte / 16 * warps_ + w], thread = static_cast<std::uint32_t>(w) * warp_size;
      if (done != 0 && done >= since(thread)) return {conflict::race_read_write, thread, p.where, byte};
    }
    return {};
  }

 private:
  struct piece {
    std::uint32_t under_way = 0, thread = 0;
    site_id where = 0;
  };
  std::vector<piece> pieces_;
  std::vector<std::uint32_t> done_;  // [piece][warp]
  std::size_t warps_ = 0;
};

/// One cell per byte.
class shared_shadow {
 public:
  void reset(std::size_t bytes, std::uint32_t warp) {
    cells_.assign(bytes, cell{});
    warp_ = warp;
    phased_ = false;
    reads_.reset();
  }
  /// From now on barriers with phases order threads too: only the last reader of a byte is remembered then.
  void use_phases() { phased_ = true; }
  product_reads& reads() { return reads_; }

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
        else if (c.read_time != 0 && ((c.warps && !phased_ && c.read_time >= by.block_start) || (other_reader && c.read_time >= since(c.reader, by)) ||
                                      (c.lanes && c.reader / warp_ == by.thread / warp_ && c.read_time >= by.warp_start)))
          found = {conflict::race_read_write, c.reader, c.read_site, i};
      }
      if (found.kind == conflict::none && reads_.any() && (i == at || i % 16 == 0))
        found = reads_.before_write(i, warp_, [&](std::uint32_t thread) { return since(thread, by); });
      stamp(c, by);
      c.pending = pending;
      c.written = 1;
      c.read_time = 0, c.warps = c.lanes = 0;
    }
    return found;
  }

  /// The first conflict of a read or write by the engines of copies and products, by order of `by`: fenced(thread, time) says whether what
  /// a thread wrote then has been shown to them.
  template <class Fenced>
  conflict engine(std::size_t at, std::size_t bytes, const accessor& by, bool write, Fenced&& fenced) const {
    for (std::size_t i = at; i < at + bytes; ++i) {
      const cell& c = cells_[i];
      if (c.pending) return {conflict::in_flight, c.writer, c.write_site, i};
      if (!c.written && !write) return {conflict::unwritten, 0, 0, i};
      if (c.writer != by.thread && c.write_time != 0 && c.write_time >= since(c.writer, by))
        return {write ? conflict::race_write_write : conflict::race_write_read, c.writer, c.write_site, i};
      if (c.written && !fenced(c.writer, c.write_time)) return {conflict::unfenced, c.writer, c.write_site, i};
      if (!write) continue;
      if (c.read_time != 0 && c.reader != by.thread && c.read_time >= since(c.reader, by)) return {conflict::race_read_write, c.reader, c.read_site, i};
      if (reads_.any() && (i == at || i % 16 == 0)) {
        const conflict found = reads_.before_write(i, warp_, [&](std::uint32_t thread) { return since(thread, by); });
        if (found.kind != conflict::none) return found;
      }
    }
    return {};
  }
  /// A copy of a box is under way to these bytes, by the thread of its own `by.thread`.
  void send(std::size_t at, std::size_t bytes, const accessor& by) {
    for (std::size_t i = at; i < at + bytes; ++i) {
      cell& c = cells_[i];
      stamp(c, by);
      c.pending = c.written = 1;
      c.read_time = 0, c.warps = c.lanes = 0;
    }
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
    const std::uint32_t step = other / warp_ == by.thread / warp_ ? by.warp_start : by.block_start;
    return by.seen != nullptr && by.seen[other] > step ? by.seen[other] : step;
  }
  static void stamp(cell& c, const accessor& by) { c.writer = by.thread & 0xfff, c.write_time = by.now, c.write_site = by.at; }

  std::vector<cell> cells_;
  std::uint32_t warp_ = 32;
  bool phased_ = false;
  product_reads reads_;
};

}  // namespace simulation
TENON_KERNELS_END
