#pragma once
// What the benches of GPUs measure, and how: times are those of the device's own events. For any compiler, so that a vendor's library is called
// from files that the host's compiler alone sees.

#include <benchmark/benchmark.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/device.hpp>

namespace tenon_bench {

/// Operations of bf16 and bytes that this program's GPU can do in a second: gpu_limits.hpp measures them before the benches begin.
struct gpu_limits {
  double bf16 = 0, bandwidth = 0;
};
inline gpu_limits limits;

/// Milliseconds of `work()` on the device.
template <class Gpu, class F>
float milliseconds(const Gpu& gpu, const F& work) {
  const auto begin = gpu.mark();
  work();
  const auto end = gpu.mark();
  end.wait();
  return end.since(begin);
}

/// A line: `work()` again and again, ten calls in a row so that the device need not wait for the host, with its rates and its share of what this
/// GPU can do on so many operations and bytes.
template <class Gpu, class F>
void measure(benchmark::State& state, const Gpu& gpu, double operations, double bytes, const F& work) {
  constexpr int calls = 10;
  work();  // first touches and cold caches are not what is asked
  double total = 0;
  for (auto _ : state) {
    static_cast<void>(_);
    const double seconds = static_cast<double>(milliseconds(gpu, [&] {
                             for (int call = 0; call < calls; ++call) work();
                           })) *
                           1e-3 / calls;
    state.SetIterationTime(seconds);
    total += seconds;
  }
  const double seconds = total / static_cast<double>(state.iterations()), compute = operations / limits.bf16, memory = bytes / limits.bandwidth;
  state.counters["Gop/s"] = operations / seconds * 1e-9;
  state.counters["GB/s"] = bytes / seconds * 1e-9;
  state.counters["%_of_limit"] = 100 * (compute > memory ? compute : memory) / seconds;
}

/// A bench of each size. One that throws says so in its line and leaves the others to run; `failed` is then true.
inline bool failed = false;
inline void register_sizes(const char* name, void (*work)(benchmark::State&), std::initializer_list<int> sizes) {
  const auto guarded = [work](benchmark::State& state) {
    try {
      work(state);
    } catch (const tenon::error& e) {
      failed = true;
      state.SkipWithError(e.what());
    }
  };
  for (const int size : sizes) benchmark::RegisterBenchmark(name, guarded)->Arg(size)->UseManualTime()->Unit(benchmark::kMicrosecond);
}

/// Numbers that no compiler and no cache can guess.
template <class Gpu>
auto random_numbers(const Gpu& gpu, tenon::index_t count) {
  std::vector<tenon::bf16> here(static_cast<std::size_t>(count));
  std::uint32_t state = 1;
  for (auto& x : here) state = state * 1664525u + 1013904223u, x = tenon::bf16(static_cast<float>(state >> 8) / 8388608.0f - 1);
  auto there = gpu.template array<tenon::bf16>(count);
  gpu.copy(there.data(), here.data(), here.size() * sizeof(tenon::bf16));
  gpu.synchronize();
  return there;
}

}  // namespace tenon_bench
