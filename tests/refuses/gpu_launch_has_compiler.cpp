// expect: [launch] of a GPU kernel needs the GPU's compiler. Fix: a .cu or .hip file with nvidia/launch.hpp or amd/launch.hpp.
#include "gpu_runtime.hpp"

struct body {
  static constexpr int threads = 32;
  void operator()() const {}
};
void start(const tenon::gpu_machine<some_runtime, some_arch>& gpu) { gpu.launch({1}, {32}, 0, body{}); }
