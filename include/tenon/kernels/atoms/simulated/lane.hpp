#pragma once
// One GPU thread of the block under way, and the warp that it belongs to.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <tenon/kernels/atoms/simulated/fiber.hpp>
#include <tenon/kernels/atoms/simulated/report.hpp>
#include <tenon/kernels/atoms/simulated/requests.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

class executor;

/// Sizes of a grid or a block, or an index in one.
struct extent {
  int x = 1, y = 1, z = 1;
  std::int64_t size() const { return std::int64_t{x} * y * z; }
};

/// An asynchronous copy of one thread, from issue to wait.
struct flight {
  std::byte* to;          // 16 bytes of shared memory
  const std::byte* from;  // global memory; null: nothing is read
  std::uint32_t kept;     // so many come from there, the others are zeros
  std::uint32_t group;
  site_id at;

  void arrive() const {
    if (kept > 0) std::memcpy(to, from, kept);
    std::memset(to + kept, 0, 16 - kept);
  }
};

/// An asynchronous product of a warp, from issue until its group is waited for; `compute` knows its operands.
struct product {
  void (*compute)(executor&, product&);
  void (*done)(executor&, product&);
  void* sums[32];
  const void* left[32];  // in registers; null: in shared memory
  std::uint64_t a, b;
  bool more, computed;
  std::uint32_t group;
  int warp;
  site_id at;
};

enum class lane_state : std::uint8_t { ready, in_collective, at_barrier, in_phase, ended };

struct lane {
  fiber context;
  int thread = 0, warp = 0, index = 0;  // in the block, of the block, in the warp
  lane_state state = lane_state::ended;
  instruction what = instruction::barrier;  // that it waits in
  site_id at = 0;
  void* operands = nullptr;  // of that instruction, on this lane's stack
  std::vector<flight> flights;
  std::uint32_t groups = 0;  // committed so far
  std::size_t awaited = 0;   // the barrier whose phase it waits for
  int parity = 0;
  std::vector<std::uint32_t> fences;  // when it showed its writes to the engines
  std::uint32_t fenced_block = 0;     // since when its block was in step at the last of them
  std::uint32_t product_fences = 0;
};

struct warp_state {
  int first = 0, lanes = 0;  // threads [first, first + lanes)
  int arrived = 0, ended = 0;
  std::uint32_t start = 1;  // when its lanes were last in step
  request_log requests;
  std::vector<product> products;  // under way
  std::uint32_t product_groups = 0, product_count = 0;
  int registers = 0;        // that its threads took or kept; 0: what the launch gave
  bool learned = false;     // a lane has seen a phase end since they were in step
};

}  // namespace simulation
TENON_KERNELS_END
