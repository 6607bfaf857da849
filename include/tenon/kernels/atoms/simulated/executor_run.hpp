#pragma once
// The loops of the executor: over blocks, over turns of warps, over lanes.

#include <cstring>

#include <tenon/kernels/atoms/simulated/executor.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

inline void executor::prepare(extent block, std::size_t shared_bytes) {
  const auto count = static_cast<std::size_t>(block.size());
  stacks_.reserve(count, static_cast<std::size_t>(how_.stack_kib) * 1024);
  lanes_ = std::vector<lane>(count);
  entries_.assign(count, {});
  warps_ = std::vector<warp_state>((count + static_cast<std::size_t>(warp_size_) - 1) / static_cast<std::size_t>(warp_size_));
  for (std::size_t i = 0; i < count; ++i) {
    lane& l = lanes_[i];
    l.thread = static_cast<int>(i);
    l.warp = l.thread / warp_size_, l.index = l.thread % warp_size_;
    entries_[i] = {this, &l};
    l.context.start(stacks_.bottom(i), stacks_.bytes(), enter, &entries_[i]);
  }
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    warps_[w].first = static_cast<int>(w) * warp_size_;
    warps_[w].lanes = std::min(warp_size_, static_cast<int>(count) - warps_[w].first);
    warps_[w].requests.reset(warps_[w].lanes);
  }
  if (shared_memory_.size() < shared_bytes + 1024) shared_memory_ = buffer(shared_bytes + 1024, "simulated shared memory");
  // Aligned as widely as any swizzle looks at address bits.
  shared_ = reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(shared_memory_.data()) + 1023) / 1024 * 1024);
  shared_bytes_ = shared_bytes;
}

inline void executor::run(extent grid, extent block, std::size_t shared_bytes, void (*body)(const void*), const void* argument) {
  if (block.x < 1 || block.y < 1 || block.z < 1 || block.size() > 1024 || block.size() % warp_size_ != 0)
    throw error("[block] of launch has ", block.size(), " threads: it must be a multiple of ", warp_size_,
                " up to 1024. Fix: change its size.");
  if (grid.x < 1 || grid.y < 1 || grid.z < 1) throw error("[grid] of launch is empty. Fix: launch at least one block.");
  if (current() != nullptr) throw error("[launch] of a simulated machine inside a kernel. Fix: launch from the host.");
  prepare(block, shared_bytes);
  memory_.begin_launch(grid.size());
  grid_ = grid, body_ = body, argument_ = argument;
  random_ = how_.seed * 2654435761u + 1;
  given_up_ = false, thrown_ = nullptr;
  ++report_.launches;
  current() = this;
  for (block_.z = 0; block_.z < grid.z && !given_up_; ++block_.z)
    for (block_.y = 0; block_.y < grid.y && !given_up_; ++block_.y)
      for (block_.x = 0; block_.x < grid.x && !given_up_; ++block_.x) run_block();
  if (!given_up_) leave_fibers();
  current() = nullptr;
  report_.worst_conflicts.clear();
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < report_.conflicts_at.size(); ++i)
    if (report_.conflicts_at[i] > most) {
      most = report_.conflicts_at[i];
      report_.worst_conflicts = ", most of them at " + sites_.text(static_cast<site_id>(i));
    }
  if (thrown_) std::rethrow_exception(thrown_);
}

inline void executor::run_block() {
  ++report_.blocks;
  report_.threads += lanes_.size();
  // A NaN in every format: what is read before it is written shows in results too.
  std::memset(shared_, 0xff, shared_bytes_);
  if (checked()) shadow_.reset(shared_bytes_, static_cast<std::uint32_t>(warp_size_));
  now_ = block_start_ = 1;
  at_barrier_ = ended_ = 0;
  for (warp_state& w : warps_) {
    w.arrived = w.ended = 0, w.start = 1;
    w.products.clear(), w.product_groups = w.product_count = 0, w.registers = 0, w.learned = false;
  }
  for (lane& l : lanes_) l.state = lane_state::ready, l.groups = 0, l.fences.clear(), l.fenced_block = l.product_fences = 0;
  phases_.clear(), seen_.clear();

  const std::size_t warps = warps_.size();
  while (ended_ < static_cast<int>(lanes_.size()) && !given_up_) {
    bool moved = false;
    if (how_.schedule == schedule::random) {
      for (std::size_t i = 0; i < 2 * warps && !given_up_; ++i) moved |= turn(random() % warps, true);
      for (std::size_t w = 0; w < warps && !moved && !given_up_; ++w) moved = turn(w, false);
    } else {
      for (std::size_t i = 0; i < warps && !given_up_; ++i) moved |= turn(how_.schedule == schedule::reversed ? warps - 1 - i : i, false);
    }
    if (!moved && !given_up_) stuck();
  }
  if (!given_up_) check_groups();
}

/// Groups of four warps, which asynchronous products and registers belong to: all four did the same, and nobody took what nobody gave.
inline void executor::check_groups() {
  const int launched = 65536 / static_cast<int>(lanes_.size()) / 8 * 8;
  std::int64_t registers = 0;
  bool took = false;
  for (std::size_t first = 0; first < warps_.size(); first += 4)
    for (std::size_t w = first; w < std::min(first + 4, warps_.size()); ++w) {
      const warp_state &mine = warps_[w], &leader = warps_[first];
      registers += std::int64_t{mine.registers != 0 ? mine.registers : launched} * mine.lanes;
      took |= mine.registers > launched;
      if (mine.product_count == leader.product_count && mine.registers == leader.registers && mine.products.empty()) continue;
      running_ = &lanes_[static_cast<std::size_t>(mine.first)];
      fail(fault_kind::divergent_collective, running_->at, 0, leader.first, [&] {
        return "warp " + std::to_string(w) + " ended after " + std::to_string(mine.product_count) + " products, " + std::to_string(mine.products.size()) +
               " of them not waited for, and with " + std::to_string(mine.registers) + " registers; the first warp of its four after " +
               std::to_string(leader.product_count) + " and with " + std::to_string(leader.registers);
      });
    }
  if (!took || registers <= 65536) return;
  running_ = &lanes_[0];
  fail(fault_kind::deadlock, 0, 0, -1, [&] { return "threads took " + std::to_string(registers) + " registers of 65536. Fix: other warps give some first"; });
}

/// Lets the ready lanes of a warp run, each until it waits; `some`: only some of them, in a random order.
inline bool executor::turn(std::size_t warp, bool some) {
  const warp_state& w = warps_[warp];
  const bool back = some ? (random() & 16) != 0 : how_.schedule == schedule::reversed;
  const int first = some ? static_cast<int>(random() % static_cast<std::uint32_t>(w.lanes)) : 0;
  bool moved = false;
  for (int i = 0; i < w.lanes && !given_up_; ++i) {
    const int index = ((back ? w.lanes - 1 - i : i) + first) % w.lanes;
    lane& l = lanes_[static_cast<std::size_t>(w.first + index)];
    if (l.state == lane_state::in_phase && phase_over(l)) l.state = lane_state::ready;
    if (l.state != lane_state::ready || (some && random() % 8 == 0)) continue;
    resume(l);
    moved = true;
  }
  return moved;
}

inline void executor::stuck() {
  const lane *waits = nullptr, *elsewhere = nullptr;
  for (const lane& l : lanes_)
    if (l.state == lane_state::in_collective) waits = &l;
  for (const lane& l : lanes_)
    if (waits == nullptr && l.state == lane_state::in_phase) {
      running_ = &lanes_[static_cast<std::size_t>(l.thread)];
      const phase_barrier& b = phases_[l.awaited];
      fail(fault_kind::deadlock, l.at, 0, -1, [&] {
        return "wait at " + at(l.at, l.thread) + " for phase " + std::to_string(l.parity) + " of the barrier at byte " + std::to_string(b.at) +
               " of shared memory, which lacks " + std::to_string(b.pending) + " arrivals and " + std::to_string(b.announced) + " bytes";
      });
      given_up_ = true;
      report_.finished = false;
      return;
    }
  if (waits == nullptr) {  // some at a barrier, the others have ended
    for (const lane& l : lanes_) (l.state == lane_state::at_barrier ? waits : elsewhere) = &l;
    running_ = &lanes_[static_cast<std::size_t>(waits->thread)];
    fail(fault_kind::divergent_barrier, waits->at, 0, elsewhere->thread, [&] {
      return "barrier at " + at(waits->at, waits->thread) + " waits for thread " + std::to_string(elsewhere->thread) + ", which has ended";
    });
    return pass_barrier();
  }
  for (const lane& l : lanes_)
    if (l.warp == waits->warp && l.state != lane_state::in_collective) elsewhere = &l;
  running_ = &lanes_[static_cast<std::size_t>(waits->thread)];
  const bool ended = elsewhere->state == lane_state::ended;
  fail(fault_kind::divergent_collective, waits->at, ended ? site_id{0} : elsewhere->at, elsewhere->thread, [&] {
    return std::string(name(waits->what)) + " at " + at(waits->at, waits->thread) + " waits for thread " +
           std::to_string(elsewhere->thread) + " of the same warp, which " +
           (ended ? std::string("has ended") : (elsewhere->state == lane_state::at_barrier ? "waits in a barrier at " : "waits for a phase at ") + sites_.text(elsewhere->at));
  });
  given_up_ = true;
  report_.finished = false;
}

}  // namespace simulation
TENON_KERNELS_END
