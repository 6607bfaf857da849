#pragma once
// What a GPU can do at most, measured in the bench that is judged by it: products of bf16 whose operands stay where they are, in registers or,
// on sm_90a, in shared memory, and a copy of memory by the vendor's runtime. For .cu and .hip files; with main of a bench.

#include <cstdio>

#include <tenon/kernels/atoms/sm90a/operand.hpp>
#include <tenon/kernels/launch/gpu/with_arch.hpp>

#include "gpu_measure.hpp"

namespace tenon_bench {

/// Each warp of NVIDIA's: `rounds` times eight independent products of 16 x 16 by 16 x 8.
template <class Leaf>
struct multiplies {
  static constexpr int threads = 256, shared_bytes = 0, chains = 8, rounds = 4096;
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

/// Each wave of AMD's: `rounds` times four independent products of side x 16 by 16 x side.
template <class Leaf>
  requires requires { Leaf::side; }
struct multiplies<Leaf> {
  static constexpr int threads = 256, shared_bytes = 0, chains = 4, rounds = 4096;
  float* out;
  TENON_BOTH void operator()() const {
    typename Leaf::template sums<tenon::bf16> d[chains] = {};
    typename Leaf::operand a{}, b{};
    for (int i = 0; i < 4; ++i) a.chunk[0][i] = static_cast<std::uint32_t>(Leaf::thread() * i);
    for (int round = 0; round < rounds; ++round) TENON_UNROLL for (int c = 0; c < chains; ++c) Leaf::template multiply<tenon::bf16>(d[c], a, b);
    float sum = 0;
    TENON_UNROLL for (int c = 0; c < chains; ++c)
      for (int i = 0; i < static_cast<int>(sizeof d[c] / sizeof(float)); ++i) sum += d[c][i];
    if (sum != 0) Leaf::store(out, sum);  // never: keeps the products
  }
  static constexpr double operations(int blocks) { return 2.0 * blocks * (threads / Leaf::lanes) * chains * rounds * Leaf::side * Leaf::side * 16; }
};

/// Each group of four warps of sm_90a: `rounds` times `chains` products of 64 x 16 by 16 x 256 into the same sums, in flight at once.
template <class Leaf>
  requires requires { Leaf::commit_products(); }
struct multiplies<Leaf> {
  static constexpr int threads = 128, rows = 64, columns = 256, shared_bytes = (rows + columns) * 128 + 1024, chains = 16, rounds = 512;
  float* out;
  TENON_BOTH void operator()() const {
    namespace sm90a = tenon::atoms::sm90a;
    const auto at = (Leaf::shared() + 1023) / 1024 * 1024;
    for (int i = Leaf::thread(); i < (rows + columns) * 8; i += threads) Leaf::store_shared(at + static_cast<decltype(at)>(16 * i), tenon::bits128{});
    Leaf::fence_shared();
    Leaf::barrier();
    const std::uint64_t a = sm90a::along_rows(at), b = sm90a::along_rows(at + rows * 128);
    float d[columns / 8][4] = {};
    for (int round = 0; round < rounds; ++round) {
      Leaf::begin_products(d);
      TENON_UNROLL for (int c = 0; c < chains; ++c) Leaf::multiply(d, a, b, true);
      Leaf::commit_products();
      Leaf::template await_products<0>(d);
    }
    float sum = 0;
    TENON_UNROLL for (int c = 0; c < columns / 8; ++c) sum += d[c][0] + d[c][1] + d[c][2] + d[c][3];
    if (sum != 0) Leaf::store(out, sum);  // never: keeps the products
  }
  static constexpr double operations(int blocks) { return 2.0 * blocks * chains * rounds * rows * columns * 16; }
};

template <class Gpu>
gpu_limits measured_limits(const Gpu& gpu) {
  gpu_limits out;
  using body = multiplies<typename Gpu::leaf>;
  const int blocks = 8 * gpu.facts().multiprocessors;
  const tenon::index_t bytes = tenon::index_t{256} << 20;
  const auto to = gpu.template array<std::byte>(bytes), from = gpu.template array<std::byte>(bytes);
  for (int turn = 0; turn < 5; ++turn) {
    const float computed = milliseconds(gpu, [&] { gpu.launch({blocks, 1, 1}, {body::threads}, body::shared_bytes, body{reinterpret_cast<float*>(to.data())}); });
    const float copied = milliseconds(gpu, [&] { gpu.copy(to.data(), from.data(), static_cast<std::size_t>(bytes)); });
    const double rate = body::operations(blocks) / static_cast<double>(computed) * 1e3, moved = 2.0 * static_cast<double>(bytes) / static_cast<double>(copied) * 1e3;
    if (rate > out.bf16) out.bf16 = rate;
    if (moved > out.bandwidth) out.bandwidth = moved;
  }
  std::printf("limits of %s: bf16 %.1f TF/s, memory %.0f GB/s\n", gpu.facts().name, out.bf16 * 1e-12, out.bandwidth * 1e-9);
  return out;
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
    limits = with_arch(Device{0}, [](const auto& gpu) { return measured_limits(gpu); });
    benchmark::RunSpecifiedBenchmarks();
  } catch (const tenon::error& e) {
    std::puts(e.what());
    return 1;
  }
  return failed ? 1 : 0;
}

}  // namespace tenon_bench
