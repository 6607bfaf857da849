#pragma once
// Runs the threads of a grid on the CPU: blocks one after another, the threads of a block as fibers, warps and lanes in the order
// of the schedule. A fiber runs until its thread waits: in an instruction of the whole warp, at a barrier, or at its end.

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>

#include <tenon/core/fault.hpp>
#include <tenon/core/memory.hpp>
#include <tenon/kernels/atoms/simulated/global_memory.hpp>
#include <tenon/kernels/atoms/simulated/lane.hpp>
#include <tenon/kernels/atoms/simulated/options.hpp>
#include <tenon/kernels/atoms/simulated/phases.hpp>
#include <tenon/kernels/atoms/simulated/shared_shadow.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

class executor {
 public:
  /// `name` of the machine for its report; `warp` lanes execute together; `shared_base`: the address of the first byte of shared memory.
  executor(const char* name, int warp, std::uint32_t shared_base, const options& how)
      : how_(how), warp_size_(warp), shared_base_(shared_base), name_(name) {
    clear_report();
  }
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;

  /// The one whose kernel runs on this thread; null outside of kernels.
  static executor*& current() {
    static thread_local executor* running = nullptr;
    return running;
  }

  global_memory& memory() { return memory_; }
  const options& how() const { return how_; }
  options& how() { return how_; }
  int warp_size() const { return warp_size_; }
  std::uint32_t shared_base() const { return shared_base_; }
  bool checked() const { return how_.checks == checks::all; }

  const simulation::report& report() const { return report_; }
  void clear_report() {
    report_ = {};
    keys_.clear();
    report_.machine = name_;
  }

  /// Calls body(argument) as every thread of `grid` blocks of `block` threads with `shared_bytes` of shared memory each.
  /// What the body throws is thrown here, and gives up the launch.
  void run(extent grid, extent block, std::size_t shared_bytes, void (*body)(const void*), const void* argument);

  // From inside, as the thread that runs.
  lane& me() { return *running_; }
  extent block_index() const { return block_; }
  std::byte* shared() { return shared_; }
  std::size_t shared_bytes() const { return shared_bytes_; }
  site_id place(const site& where) { return sites_.id(where); }
  const site_table& places() const { return sites_; }
  void count(instruction what) { ++report_.mix[static_cast<std::size_t>(what)]; }
  simulation::report& counts() { return report_; }
  shared_shadow& shadow() { return shadow_; }

  accessor as(const lane& l, site_id at) const {
    return {static_cast<std::uint32_t>(l.thread), warps_[static_cast<std::size_t>(l.warp)].start, block_start_, now_, at, seen_by(l)};
  }
  /// Since when accesses of `other` are not ordered with those of `by`.
  std::uint32_t since(std::uint32_t other, const accessor& by) const {
    const auto warp = static_cast<std::uint32_t>(warp_size_);
    const std::uint32_t step = other / warp == by.thread / warp ? by.warp_start : by.block_start;
    return by.seen != nullptr && by.seen[other] > step ? by.seen[other] : step;
  }
  lane& lane_of(int warp, int index) { return lanes_[static_cast<std::size_t>(warps_[static_cast<std::size_t>(warp)].first + index)]; }
  void log(const request& r) {
    if (checked()) warps_[static_cast<std::size_t>(me().warp)].requests.add(me().index, r);
  }
  std::uint32_t linear_block() const { return static_cast<std::uint32_t>(block_.x + grid_.x * (block_.y + grid_.y * block_.z)); }

  /// All lanes of the warp meet in `what`; the last to arrive calls compute(operands of lane 0, 1, ...), which may write there.
  /// In step: orders the accesses of the lanes before it and after it.
  void collective(instruction what, const site& where, void* operands, void (*compute)(executor&, void* const*)) {
    lane& l = me();
    warp_state& w = warps_[static_cast<std::size_t>(l.warp)];
    l.what = what, l.at = place(where), l.operands = operands;
    if (++w.arrived < w.lanes) return wait(lane_state::in_collective);
    w.arrived = 0;
    if (!meets(w, l)) return give_up();
    void* all[64];
    for (int i = 0; i < w.lanes; ++i) {
      lane& other = lanes_[static_cast<std::size_t>(w.first + i)];
      all[i] = other.operands;
      if (other.state == lane_state::in_collective) other.state = lane_state::ready;
    }
    count(what);
    compute(*this, all);
    w.requests.flush(report_);
    w.start = ++now_;
    if (w.learned) share_seen(w);
  }

  // Barriers with phases, of the block under way (atoms/simulated/phase_words.hpp).
  std::vector<phase_barrier>& phases() { return phases_; }
  static constexpr std::size_t most_phases = 64;
  /// By thread, and after them by barrier for the copies that count there: up to when their accesses come before those of `l`.
  std::uint32_t* seen_by(const lane& l) { return seen_.empty() ? nullptr : &seen_[static_cast<std::size_t>(l.thread) * seen_width()]; }
  const std::uint32_t* seen_by(const lane& l) const { return const_cast<executor*>(this)->seen_by(l); }
  std::size_t seen_width() const { return lanes_.size() + most_phases; }
  void begin_phases() {
    if (seen_.empty()) seen_.assign(lanes_.size() * seen_width(), 0), shadow_.use_phases();
  }
  warp_state& warp_of(const lane& l) { return warps_[static_cast<std::size_t>(l.warp)]; }
  std::size_t warps() const { return warps_.size(); }
  std::uint32_t now() const { return now_; }
  std::uint32_t tick() { return ++now_; }
  std::uint32_t block_start() const { return block_start_; }
  /// Whether what `thread` wrote at `time` was shown to the engines by a fence that comes before what `by` does.
  bool fenced(const lane& by, std::uint32_t thread, std::uint32_t time) const {
    if (thread >= lanes_.size() || time < by.fenced_block) return true;
    const std::uint32_t known = static_cast<int>(thread) == by.thread ? now_ + 1 : since(thread, as(by, 0));
    for (const std::uint32_t fence : lanes_[thread].fences)
      if (time < fence && fence < known) return true;
    return false;
  }
  /// Until the barrier's phase of that parity has ended.
  void await_phase(std::size_t which, int parity) {
    lane& l = me();
    l.awaited = which, l.parity = parity;
    if (!phase_over(l)) wait(lane_state::in_phase);
    learn(l);
  }
  /// Ends the phase if all that it waits for is there.
  void try_end(std::size_t which) {
    phase_barrier& b = phases_[which];
    if (b.pending != 0 || b.announced != 0) return;
    const auto engine = static_cast<std::uint32_t>(lanes_.size() + which);
    for (const box_flight& f : b.flights)
      for (const box_piece& p : f.pieces)
        if (checked()) shadow_.land(p.to, 16, {engine, 0, 0, now_, f.at});
    b.flights.clear();
    b.gathered[engine] = ++now_;
    b.released = b.gathered;
    b.pending = b.count;
    ++b.phase;
  }

  /// All threads of the block meet.
  void barrier(const site& where) {
    lane& l = me();
    l.what = instruction::barrier, l.at = place(where);
    if (at_barrier_ == 0) first_at_barrier_ = l.thread;
    if (++at_barrier_ < static_cast<int>(lanes_.size())) return wait(lane_state::at_barrier);
    pass_barrier();
  }

  /// Records a fault; `words()` is its sentence, made once for equal ones.
  template <class Words>
  void fail(fault_kind kind, site_id where, site_id other, int other_thread, Words&& words) {
    ++report_.times[static_cast<std::size_t>(kind)];
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i].kind == kind && keys_[i].where == where && keys_[i].other == other) {
        ++report_.faults[i].times;
        return simulated_fault(report_.faults[i].what.c_str());
      }
    if (report_.faults.size() == report::most) return;
    std::string text = words();
    text += "; block " + std::to_string(linear_block());
    keys_.push_back({kind, where, other});
    report_.faults.push_back(
        {kind, std::move(text), sites_.at(where), sites_.at(other), static_cast<int>(linear_block()), me().thread, other_thread});
    simulated_fault(report_.faults.back().what.c_str());
  }
  std::string at(site_id place, int thread) const {
    return sites_.text(place) + (thread < static_cast<int>(lanes_.size()) ? " (thread " + std::to_string(thread) + ")" : " (a copy)");
  }

  /// Ends the launch from inside: its results mean nothing.
  void give_up() {
    given_up_ = true;
    report_.finished = false;
    me().state = lane_state::ended;
    for (;;) me().context.yield();
  }

 private:
  struct key {
    fault_kind kind;
    site_id where, other;
  };

  // Lazy copies land when somebody waits for them.
  bool phase_over(const lane& l) {
    phase_barrier& b = phases_[l.awaited];
    if (!b.over(l.parity) && how_.copies == copies::lazy) {
      bool landed = false;
      for (box_flight& f : b.flights)
        if (!f.landed) f.land(shared_), b.announced -= f.bytes(), landed = true;
      if (landed) try_end(l.awaited);
    }
    return phases_[l.awaited].over(l.parity);
  }
  void learn(const lane& l) {
    const phase_barrier& b = phases_[l.awaited];
    std::uint32_t* const seen = seen_by(l);
    for (std::size_t i = 0; i < b.released.size(); ++i) seen[i] = std::max(seen[i], b.released[i]);
    warp_of(l).learned = true;
  }
  // In step, lanes know what one of them knows.
  void share_seen(warp_state& w) {
    std::uint32_t* const all = seen_by(lanes_[static_cast<std::size_t>(w.first)]);
    for (int i = 1; i < w.lanes; ++i)
      for (std::size_t t = 0; t < seen_width(); ++t) all[t] = std::max(all[t], all[static_cast<std::size_t>(i) * seen_width() + t]);
    for (int i = 1; i < w.lanes; ++i) std::copy(all, all + seen_width(), all + static_cast<std::size_t>(i) * seen_width());
    w.learned = false;
  }
  void check_groups();

  void wait(lane_state in) {
    me().state = in;
    me().context.yield();
  }

  // Whether all lanes of the warp are in the same instruction; from different places it is a fault, and computes on.
  bool meets(const warp_state& w, const lane& last) {
    for (int i = 0; i < w.lanes; ++i) {
      const lane& other = lanes_[static_cast<std::size_t>(w.first + i)];
      if (other.what == last.what && other.at == last.at) continue;
      fail(fault_kind::divergent_collective, last.at, other.at, other.thread, [&] {
        return std::string(name(last.what)) + " at " + at(last.at, last.thread) + " meets " + name(other.what) + " at " +
               at(other.at, other.thread) + " of the same warp";
      });
      return other.what == last.what;
    }
    return true;
  }

  void pass_barrier() {
    const lane& first = lanes_[static_cast<std::size_t>(first_at_barrier_)];
    for (const lane& l : lanes_)
      if ((l.state == lane_state::at_barrier || &l == running_) && l.at != first.at) {
        fail(fault_kind::divergent_barrier, l.at, first.at, first.thread,
             [&] { return "barrier at " + at(l.at, l.thread) + " meets barrier at " + at(first.at, first.thread); });
        break;
      }
    at_barrier_ = 0;
    count_barrier();
    for (lane& l : lanes_)
      if (l.state == lane_state::at_barrier) l.state = lane_state::ready;
    block_start_ = ++now_;
    for (warp_state& w : warps_) {
      w.requests.flush(report_);
      w.start = now_;
    }
  }
  void count_barrier() { report_.mix[static_cast<std::size_t>(instruction::barrier)] += warps_.size(); }

  static void enter(void* me) {
    executor& all = *static_cast<lane_entry*>(me)->all;
    lane& l = *static_cast<lane_entry*>(me)->self;
    for (;;) {  // once per block
      try {
        all.body_(all.argument_);
      } catch (const boost::context::detail::forced_unwind&) {
        throw;
      } catch (...) {
        all.thrown_ = std::current_exception();
        all.given_up_ = true;
        all.report_.finished = false;
      }
      all.end(l);
      l.context.yield();
      if (all.done_) return;
    }
  }
  void end(lane& l) {
    l.state = lane_state::ended;
    ++ended_;
    warp_state& w = warps_[static_cast<std::size_t>(l.warp)];
    if (++w.ended == w.lanes) w.requests.flush(report_);
    report_.unawaited += l.flights.size();
    l.flights.clear();
  }

  void prepare(extent block, std::size_t shared_bytes);
  void run_block();
  bool turn(std::size_t warp, bool some);
  void resume(lane& l) {
    running_ = &l;
    l.context.resume();
  }
  // Nobody can go on: says why. Threads at a barrier that others have left by ending go on; all else is given up.
  void stuck();
  void leave_fibers() {
    done_ = true;
    for (lane& l : lanes_) resume(l);
    done_ = false;
  }
  std::uint32_t random() {  // xorshift32
    random_ ^= random_ << 13, random_ ^= random_ >> 17, random_ ^= random_ << 5;
    return random_;
  }

  struct lane_entry {
    executor* all;
    lane* self;
  };

  options how_;
  int warp_size_;
  std::uint32_t shared_base_;
  const char* name_;
  simulation::report report_;
  std::vector<key> keys_;
  site_table sites_;
  global_memory memory_;
  shared_shadow shadow_;
  stack_pool stacks_;
  buffer shared_memory_;
  std::byte* shared_ = nullptr;
  std::size_t shared_bytes_ = 0;

  std::vector<lane> lanes_;
  std::vector<lane_entry> entries_;
  std::vector<warp_state> warps_;
  std::vector<phase_barrier> phases_;
  std::vector<std::uint32_t> seen_;  // [thread][thread or barrier]; empty: no barrier with phases
  lane* running_ = nullptr;
  extent grid_, block_;
  void (*body_)(const void*) = nullptr;
  const void* argument_ = nullptr;
  std::uint32_t now_ = 1, block_start_ = 1, random_ = 1;
  int at_barrier_ = 0, first_at_barrier_ = 0, ended_ = 0;
  bool done_ = false, given_up_ = false;
  std::exception_ptr thrown_;
};

}  // namespace simulation
TENON_KERNELS_END

#include <tenon/kernels/atoms/simulated/executor_run.hpp>
