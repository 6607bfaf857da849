#pragma once
// What a GPU can do at most, measured in the bench that is judged by it: products of bf16 whose operands stay in registers, and a copy of
// memory by the vendor's runtime. Times are those of the device's own events.

#include <benchmark/benchmark.h>

#include <cstdio>
#include <vector>

#include <tenon/core/number.hpp>
#include <tenon/kernels/launch/gpu/with_arch.hpp>

namespace tenon_bench {

/// Each warp: `rounds` times eight independent products of 16 x 16 by 16 x 8.
template <class Leaf>
struct multiplies {
  static constexpr int threads = 256, chains = 8, rounds = 4096;
  float* out;
  TENON_BOTH void operator()() const {
    float d[chains][4] = {};
    std::uint32_t a[4] = {}, b = 0;
    for (int i = 0; i < 4; ++i) a[i] = static_cast<std::uint32_t>(Leaf::thread() * i);
    for (int round = 0; round < rounds; ++round) TENON_UNROLL for (int c = 0; c < chains; ++c) Leaf::mma(d[c], a, b, b);
    float sum = 0;
    TENON_UNROLL for (int c = 0; c < chains; ++c) sum += d[c][0] + d[c][1] + d[c][2] + d[c][3];
    if (sum != 0) Leaf::store(out, sum);  // never: keeps the products
  }
  static constexpr double operations(int blocks) { return 2.0 * blocks * (threads / 32) * chains * rounds * 16 * 8 * 16; }
};

/// Milliseconds of `work()` on the device.
template <class Gpu, class F>
float milliseconds(const Gpu& gpu, const F& work) {
  const auto begin = gpu.mark();
  work();
  const auto end = gpu.mark();
  end.wait();
  return end.since(begin);
}

struct gpu_limits {
  double bf16 = 0, bandwidth = 0;  ///< operations and bytes in a second
};

template <class Gpu>
const gpu_limits& limits_of(const Gpu& gpu) {
  static const gpu_limits most = [&] {
    gpu_limits out;
    using body = multiplies<typename Gpu::leaf>;
    const int blocks = 8 * gpu.facts().multiprocessors;
    const tenon::index_t bytes = tenon::index_t{256} << 20;
    const auto to = gpu.template array<std::byte>(bytes), from = gpu.template array<std::byte>(bytes);
    for (int turn = 0; turn < 5; ++turn) {
      const float computed = milliseconds(gpu, [&] { gpu.launch({blocks, 1, 1}, {body::threads}, 0, body{reinterpret_cast<float*>(to.data())}); });
      const float copied = milliseconds(gpu, [&] { gpu.copy(to.data(), from.data(), static_cast<std::size_t>(bytes)); });
      const double rate = body::operations(blocks) / static_cast<double>(computed) * 1e3, moved = 2.0 * static_cast<double>(bytes) / static_cast<double>(copied) * 1e3;
      if (rate > out.bf16) out.bf16 = rate;
      if (moved > out.bandwidth) out.bandwidth = moved;
    }
    std::printf("limits of %s: bf16 %.1f TF/s, memory %.0f GB/s\n", gpu.facts().name, out.bf16 * 1e-12, out.bandwidth * 1e-9);
    return out;
  }();
  return most;
}

/// A line: `work()` again and again, with its rates and its share of what this GPU can do on so many operations and bytes.
template <class Gpu, class F>
void measure(benchmark::State& state, const Gpu& gpu, double operations, double bytes, const F& work) {
  const gpu_limits& most = limits_of(gpu);
  work();  // first touches and cold caches are not what is asked
  double total = 0;
  for (auto _ : state) {
    static_cast<void>(_);
    const double seconds = static_cast<double>(milliseconds(gpu, work)) * 1e-3;
    state.SetIterationTime(seconds);
    total += seconds;
  }
  const double seconds = total / static_cast<double>(state.iterations()), compute = operations / most.bf16, memory = bytes / most.bandwidth;
  state.counters["Gop/s"] = operations / seconds * 1e-9;
  state.counters["GB/s"] = bytes / seconds * 1e-9;
  state.counters["%_of_limit"] = 100 * (compute > memory ? compute : memory) / seconds;
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

/// main of a bench of `Device`: 77, and why, where there is none.
template <class Device>
int run(int count, char** words) {
  try {
    Device{0};
  } catch (const tenon::error& e) {
    std::printf("skipped: no device: %s\n", e.what());
    return 77;
  }
  benchmark::Initialize(&count, words);
  if (benchmark::ReportUnrecognizedArguments(count, words)) return 1;
  try {
    benchmark::RunSpecifiedBenchmarks();
  } catch (const tenon::error& e) {
    std::puts(e.what());
    return 1;
  }
  return 0;
}

}  // namespace tenon_bench
