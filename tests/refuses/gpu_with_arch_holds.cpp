// expect: [with_arch] this file is compiled for GPUs that no kernel is written for. Fix: sm_80 or newer; gfx90a, gfx942, gfx1100 or gfx1201.
#include "gpu_runtime.hpp"

template <>
struct tenon::gpu_targets<some_runtime> {
  using archs = tenon::arch_list<some_arch>;
  template <class Arch>
  static consteval bool holds() {
    return false;
  }
};
void start(const tenon::gpu_device<some_runtime>& gpu) { tenon::with_arch(gpu, [](const auto&) {}); }
