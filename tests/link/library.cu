// One of two libraries of one program, compiled for other GPUs than the other (NUMBER tells them apart). Compiled as CUDA or as HIP.
#include <type_traits>

#if defined(__HIP__)
#include <tenon/kernels/launch/amd/launch.hpp>
using gpu = tenon::amd;
#else
#include <tenon/kernels/launch/nvidia/launch.hpp>
using gpu = tenon::nvidia;
#endif

#include <cstdio>

template <class Leaf>
struct writes {
  static constexpr int threads = 64;
  int* to;
  TENON_BOTH void operator()() const { *to = NUMBER; }
};

/// What it wrote on the first device; -1, and the sentence on standard output, where there is none.
#define NAME_OF(number) run_##number
#define NAME(number) NAME_OF(number)
extern "C" __attribute__((visibility("default"))) int NAME(NUMBER)() try {
  const gpu device{0};
  const auto at = device.array<int>(1, tenon::placed::unified);
  with_arch(device, [&](const auto& machine) { machine.launch({1, 1, 1}, {64}, 0, writes<typename std::decay_t<decltype(machine)>::leaf>{at.data()}); });
  device.synchronize();
  return *at.data();
} catch (const tenon::error& fault) {
  std::puts(fault.what());
  return -1;
}
