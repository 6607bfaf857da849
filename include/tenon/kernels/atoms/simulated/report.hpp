#pragma once
// What a simulated machine saw: faults, each with what, where, block and thread; and counts of what its warps did.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <tenon/kernels/atoms/simulated/site.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

enum class fault_kind : std::uint8_t {
  race,                  // two accesses that nothing orders, at least one of them a write
  uninitialised,         // a read of bytes that nobody wrote
  out_of_bounds,         // an access outside shared memory or registered global memory; it is not performed
  misaligned,            // an address that is not a multiple of the access; it is not performed
  divergent_barrier,     // threads at different barriers, or not all of them at one
  divergent_collective,  // lanes of one warp at different instructions that all of them must execute together
  skipped_await,         // bytes or registers touched while an asynchronous copy or product may still use them
  deadlock,              // a phase of a barrier that nobody will end
  invalid,               // an operand that the instruction does not allow
  count
};

inline const char* name(fault_kind kind) {
  constexpr const char* names[] = {
      "race", "uninitialised read", "out of bounds", "misaligned", "divergent barrier", "divergent collective", "skipped await", "deadlock", "invalid"};
  return names[static_cast<int>(kind)];
}

/// What a warp executes; counted once per warp.
enum class instruction : std::uint8_t {
  matrix,
  matrix_load,
  shuffle,
  vote,
  barrier,
  warp_barrier,
  shared_load,
  shared_store,
  global_load,
  global_store,
  async_copy,
  wait,
  arrival,
  count
};

inline const char* name(instruction what) {
  constexpr const char* names[] = {"matrix",      "matrix load",  "shuffle",     "vote",         "barrier",           "warp barrier",
                                   "shared load", "shared store", "global load", "global store", "asynchronous copy", "wait", "arrival"};
  return names[static_cast<int>(what)];
}

/// One fault. Equal ones, by kind and places, are kept once: block and threads are those of the first.
struct fault {
  fault_kind kind;
  std::string what;   // one sentence
  site where, other;  // `other`: the second place of a race or a divergence, else the default
  int block = 0, thread = 0, other_thread = -1;
  std::uint64_t times = 1;
};

}  // namespace simulation
TENON_KERNELS_END

namespace tenon {

/// Called with every fault when it happens, in the GPU thread that met it: in gdb, `break tenon::simulated_fault`, then `up`.
[[gnu::noinline]] inline void simulated_fault(const char* what) { __asm__ volatile("" : : "r"(what) : "memory"); }

}  // namespace tenon

TENON_KERNELS_BEGIN
namespace simulation {

/// The report of all launches of a machine since it was made or its report was cleared.
struct report {
  std::vector<fault> faults;  // at most `most`, of different places
  std::array<std::uint64_t, static_cast<std::size_t>(fault_kind::count)> times{};
  std::array<std::uint64_t, static_cast<std::size_t>(instruction::count)> mix{};
  std::uint64_t launches = 0, blocks = 0, threads = 0;
  bool finished = true;                                        // false: a launch was given up, its results mean nothing
  std::uint64_t shared_requests = 0, shared_phases = 0;        // phases: what the widths alone ask for
  std::uint64_t bank_conflicts = 0;                            // further passes, because lanes met in a bank
  std::uint64_t global_requests = 0, sectors = 0, needed = 0;  // 32-byte sectors moved, and the bytes asked for
  std::uint64_t unawaited = 0;                                 // copies in flight when their thread ended
  std::vector<std::uint64_t> conflicts_at;                     // by site_id
  std::string machine, worst_conflicts;

  static constexpr std::size_t most = 64;

  bool clean() const { return finished && faults.empty(); }
  std::uint64_t count(fault_kind kind) const { return times[static_cast<std::size_t>(kind)]; }
  std::uint64_t count(instruction what) const { return mix[static_cast<std::size_t>(what)]; }
  /// Of all lanes together: 4 where they ask for neighbouring floats.
  double sectors_per_request() const {
    return global_requests == 0 ? 0 : static_cast<double>(sectors) / static_cast<double>(global_requests);
  }

  /// All of it in lines for a reader.
  std::string text() const {
    const auto number = [](std::uint64_t n) { return std::to_string(n); };
    std::string out = machine + ": " + number(launches) + " launches, " + number(blocks) + " blocks, " + number(threads) + " threads\n";
    if (!finished) out += "a launch was given up: its results mean nothing\n";
    out += faults.empty() ? "no faults\n" : number(faults.size()) + " faults\n";
    for (const fault& f : faults) out += "  " + std::string(name(f.kind)) + ": " + f.what + " (" + number(f.times) + " times)\n";
    out += "warp instructions:";
    for (std::size_t i = 0; i < mix.size(); ++i)
      if (mix[i] != 0) out += " " + std::string(name(static_cast<instruction>(i))) + " " + number(mix[i]) + ",";
    out.back() = '\n';
    out += "shared memory: " + number(shared_requests) + " requests, " + number(shared_phases) + " passes, " + number(bank_conflicts) +
           " more for bank conflicts" + worst_conflicts + "\n";
    out += "global memory: " + number(global_requests) + " requests, " + number(sectors) + " sectors of 32 bytes";
    if (sectors != 0) {
      const auto tenths = static_cast<std::uint64_t>(10 * sectors_per_request() + 0.5);
      out += ", " + number(tenths / 10) + "." + number(tenths % 10) + " to a request, " + number(needed * 100 / (sectors * 32)) + " % of their bytes asked for";
    }
    out += "\n";
    if (unawaited != 0) out += number(unawaited) + " asynchronous copies were in flight when their thread ended\n";
    return out;
  }
};

}  // namespace simulation
TENON_KERNELS_END
