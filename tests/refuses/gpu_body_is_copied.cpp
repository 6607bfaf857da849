// expect: [body] of launch is copied to the device byte by byte. Fix: make it trivially copyable.
#include "gpu_runtime.hpp"

template <>
struct tenon::gpu_kernels<some_runtime> {
  template <class Arch, class Body>
  static const void* address() {
    return nullptr;
  }
};
struct body {
  static constexpr int threads = 32;
  int* numbers;
  body(const body& other) : numbers(other.numbers + 1) {}
  void operator()() const {}
};
void start(const tenon::gpu_machine<some_runtime, some_arch>& gpu, const body& one) { gpu.launch({1}, {32}, 0, one); }
