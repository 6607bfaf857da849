// A kernel of a user's own, on the first GPU of either vendor; where there is none, the sentence for that.
#include <cstdio>

#if defined(__HIP__)
#include <tenon/kernels/launch/amd/launch.hpp>
using gpu = tenon::amd;
#else
#include <tenon/kernels/launch/nvidia/launch.hpp>
using gpu = tenon::nvidia;
#endif

/// Writes the number of each thread's block to its place.
template <class Leaf>
struct numbering {
  static constexpr int threads = 64;
  int* to;
  TENON_BOTH void operator()() const { to[Leaf::block_x() * threads + Leaf::thread()] = Leaf::block_x(); }
};

int main() try {
  const gpu device{0};
  const auto numbers = device.array<int>(128, tenon::placed::unified, "the numbers");
  with_arch(device, [&](const auto& machine) { machine.launch({2, 1, 1}, {64}, 0, numbering<typename std::decay_t<decltype(machine)>::leaf>{numbers.data()}); });
  device.synchronize();
  std::printf("a kernel ran on %s\n", device.facts().name);
  return numbers.data()[63] == 0 && numbers.data()[127] == 1 ? 0 : 2;
} catch (const tenon::error& fault) {
  std::puts(fault.what());
  return 1;
}
