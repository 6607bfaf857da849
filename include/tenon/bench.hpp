#pragma once
// Measures a user's own variant on a user's own shapes, with the roofline beside it (Williams, Waterman and Patterson 2009):
//
//   tenon::cpu machine;
//   tenon::bench::add("my gate", machine, {.operations = 5.0 * n, .bytes = 12.0 * n}, [=] { open_gate(machine, my_gate{}, g, u, o); });
//   return tenon::bench::run(count, words);
//
// Each line of the output has the rates reached and `%_of_limit`, the share of what this processor can do at most on that work:
// the peaks of its multiply-add instructions and of its memory are measured in the same program, on the same threads.
// Needs Google Benchmark: the target tenon::bench.

#include <map>
#include <string>

#include <benchmark/benchmark.h>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/limits.hpp>

TENON_KERNELS_BEGIN
namespace bench {

/// Which peak bounds the arithmetic of a work.
enum class arithmetic { fp32, bf16, int8 };

/// What one call does at least: `operations` of arithmetic (a multiply-add is two) and `bytes` that must cross from or to memory.
/// 0 where a bound does not apply, as bytes of operands that stay in the caches. `items` is what the caller counts: tokens, rows.
struct work {
  double operations = 0;
  double bytes = 0;
  arithmetic kind = arithmetic::fp32;
  double items = 0;
};

/// The probe of `machine`, for its number of threads. What it finds at the first call is shown above the results.
template <class Machine>
const limits_probe<Machine>& probe_of(const Machine& machine) {
  static std::map<int, limits_probe<Machine>> known;
  const auto [found, added] = known.try_emplace(machine.threads(), machine);
  if (!added) return found->second;
  const limits most = found->second.measure(0.2);
  const auto rounded = [](double rate) { return std::to_string(static_cast<long>(rate * 1e-9 + 0.5)); };
  benchmark::AddCustomContext("limits of " + std::to_string(most.threads) + " threads", "fp32 " + rounded(most.fp32) + " GF/s, bf16 " + rounded(most.bf16) + " GF/s, int8 " +
                                                                                          rounded(most.int8) + " GOP/s, memory " + rounded(most.bandwidth) + " GB/s");
  return found->second;
}

/// Operations per second that bound `todo`. Where the program has no faster instruction of its kind, those of fp32.
inline double most_operations(const work& todo, const limits& most) {
  const double special = todo.kind == arithmetic::bf16 ? most.bf16 : todo.kind == arithmetic::int8 ? most.int8 : most.fp32;
  return special > most.fp32 ? special : most.fp32;
}
/// The least seconds that `todo` can take within `most`.
inline double least_seconds(const work& todo, const limits& most) {
  const double seconds = todo.operations / most_operations(todo, most), memory = todo.bytes / most.bandwidth;
  return seconds > memory ? seconds : memory;
}

/// Adds a line to the benchmark: `run()` is called again and again on `machine`. It is copied, and what it refers to must outlive
/// bench::run; the first call is not timed. The limits that the line is judged by are measured right after it. Returns Google
/// Benchmark's handle, for its options.
template <class Machine, class Run>
benchmark::internal::Benchmark* add(const std::string& name, const Machine& machine, const work& todo, Run run) {
  const auto& probe = probe_of(machine);
  const auto body = [&probe, todo, run](benchmark::State& state) {
    run();  // first touches and cold caches are not what is asked
    const double begin = limits_detail::now();
    for (auto _ : state) {
      static_cast<void>(_);
      run();
      benchmark::ClobberMemory();
    }
    const double seconds = (limits_detail::now() - begin) / static_cast<double>(state.iterations());
    const limits most = probe.measure(0.03);
    const double least = least_seconds(todo, most);
    if (todo.items > 0) state.counters["items/s"] = todo.items / seconds;
    if (todo.operations > 0) state.counters["Gop/s"] = todo.operations / seconds * 1e-9;
    if (todo.bytes > 0) state.counters["GB/s"] = todo.bytes / seconds * 1e-9;
    state.counters["%_of_limit"] = 100 * least / seconds;
    const bool by_memory = todo.bytes / most.bandwidth >= least;
    state.SetLabel("of " + std::to_string(static_cast<long>((by_memory ? most.bandwidth : most_operations(todo, most)) * 1e-9 + 0.5)) + (by_memory ? " GB/s" : " Gop/s"));
  };
  const std::string title = name + "/threads:" + std::to_string(machine.threads());
  return benchmark::RegisterBenchmark(title.c_str(), body)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

/// Runs what was added, with Google Benchmark's options (--benchmark_filter=..., --benchmark_format=json, --help). The exit code of main.
inline int run(int count, char** words) {
  benchmark::Initialize(&count, words);
  if (benchmark::ReportUnrecognizedArguments(count, words)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace bench
TENON_KERNELS_END
