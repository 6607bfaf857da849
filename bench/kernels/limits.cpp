// The limits that every other bench is judged by, on one thread and on all.

#include <cstdio>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/limits.hpp>

int main() {
  std::printf("%8s %12s %12s %12s %12s\n", "threads", "fp32 GF/s", "bf16 GF/s", "int8 GOP/s", "read GB/s");
  const int all = tenon::cpu().threads();
  for (int threads = 1; threads <= all; threads = threads < all && 2 * threads > all ? all : 2 * threads) {
    const auto most = tenon::measure_limits(tenon::cpu({.threads = threads}));
    std::printf("%8d %12.1f %12.1f %12.1f %12.1f\n", most.threads, most.fp32 * 1e-9, most.bf16 * 1e-9, most.int8 * 1e-9, most.bandwidth * 1e-9);
  }
}
