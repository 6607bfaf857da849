#pragma once
// Counts, by rule, what the memory system does with the accesses that the lanes of a warp made together: passes over the 32 banks
// of shared memory, and 32-byte sectors of global memory. Not a timing.
// Source: CUDA C++ programming guide, shared memory of compute capability 5.x and later; CDNA 3 ISA, LDS.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tenon/kernels/atoms/simulated/report.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// One access of one lane.
struct request {
  std::uintptr_t at;  // shared: offset in the block's memory; global: address
  site_id where;
  std::uint8_t bytes;
  bool shared;
  instruction what;
};

/// Passes that `count` lanes of one phase need: the most different words that meet in one of 32 banks of 4 bytes.
inline int bank_passes(const std::uintptr_t* at, int count, int bytes) {
  std::uintptr_t words[64];
  int next[64], head[32], deep[32] = {}, used = 0, worst = 1;
  std::fill(head, head + 32, -1);
  for (int i = 0; i < count; ++i)
    for (std::uintptr_t w = at[i] / 4; w <= (at[i] + static_cast<std::uintptr_t>(bytes) - 1) / 4; ++w) {
      const auto bank = w % 32;
      int seen = head[bank];
      while (seen >= 0 && words[seen] != w) seen = next[seen];
      if (seen >= 0 || used == 64) continue;
      words[used] = w, next[used] = head[bank], head[bank] = used++;
      worst = std::max(worst, ++deep[bank]);
    }
  return worst;
}

/// Adds one request of a warp to the counts: `at` of the lanes whose bit is set. As many neighbouring lanes share a phase as move 128 bytes.
inline void count_shared(report& to, site_id where, const std::uintptr_t* at, std::uint64_t lanes, int bytes) {
  const int together = bytes <= 4 ? 32 : 128 / bytes;
  ++to.shared_requests;
  for (int first = 0; first < 64; first += together) {
    std::uintptr_t active[32];
    int count = 0;
    for (int l = first; l < first + together; ++l)
      if ((lanes >> l & 1) != 0) active[count++] = at[l];
    if (count == 0) continue;
    const int more = bank_passes(active, count, bytes) - 1;
    ++to.shared_phases;
    if (more == 0) continue;
    to.bank_conflicts += static_cast<std::uint64_t>(more);
    if (to.conflicts_at.size() <= where) to.conflicts_at.resize(where + std::size_t{1});
    to.conflicts_at[where] += static_cast<std::uint64_t>(more);
  }
}
inline void count_global(report& to, const std::uintptr_t* at, std::uint64_t lanes, int bytes) {
  std::uintptr_t sectors[128];
  int used = 0;
  for (; lanes != 0; lanes &= lanes - 1) {
    const std::uintptr_t first = at[__builtin_ctzll(lanes)];
    for (std::uintptr_t s = first / 32; s <= (first + static_cast<std::uintptr_t>(bytes) - 1) / 32; ++s)
      if ((used == 0 || sectors[used - 1] != s) && used < 128) sectors[used++] = s;
    to.needed += static_cast<std::uint64_t>(bytes);
  }
  std::sort(sectors, sectors + used);
  ++to.global_requests;
  to.sectors += static_cast<std::uint64_t>(std::unique(sectors, sectors + used) - sectors);
}

/// What the lanes of a warp did since they were last in step: their n-th accesses to a memory, where from one place, are one request.
class request_log {
 public:
  void reset(int lanes) {
    for (auto& logs : logs_) logs.resize(static_cast<std::size_t>(lanes));
  }
  void add(int lane, const request& r) { logs_[r.shared ? 1 : 0][static_cast<std::size_t>(lane)].push_back(r); }

  void flush(report& to) {
    for (auto& logs : logs_) {
      std::size_t longest = 0;
      for (const auto& log : logs) longest = std::max(longest, log.size());
      for (std::size_t n = 0; n < longest; ++n) count(to, logs, n);
      for (auto& log : logs) log.clear();
    }
  }

 private:
  using lane_logs = std::vector<std::vector<request>>;
  static void count(report& to, const lane_logs& logs, std::size_t n) {
    std::uint64_t left = 0;
    for (std::size_t l = 0; l < logs.size(); ++l) left |= std::uint64_t{n < logs[l].size()} << l;
    while (left != 0) {
      const request& first = logs[static_cast<std::size_t>(__builtin_ctzll(left))][n];
      std::uintptr_t at[64];
      std::uint64_t lanes = 0;
      for (std::size_t l = 0; l < logs.size(); ++l) {
        if ((left >> l & 1) == 0) continue;
        const request& r = logs[l][n];
        if (r.where != first.where || r.what != first.what || r.bytes != first.bytes) continue;
        at[l] = r.at;
        lanes |= std::uint64_t{1} << l;
      }
      left &= ~lanes;
      if (first.shared || first.what != instruction::async_copy) ++to.mix[static_cast<std::size_t>(first.what)];  // a copy has two sides
      if (first.shared)
        count_shared(to, first.where, at, lanes, first.bytes);
      else
        count_global(to, at, lanes, first.bytes);
    }
  }
  lane_logs logs_[2];  // of global and of shared memory
};

}  // namespace simulation
TENON_KERNELS_END
