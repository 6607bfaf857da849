// amd{i} over HIP's runtime as fake_hip.cpp plays it.
#include <tenon/kernels/launch/amd/runtime.hpp>

namespace {
using device = tenon::amd;
using runtime = tenon::hip_runtime;
constexpr const char* calls = "hip";
constexpr int numbers[] = {0x906, 0x90a, 0x942};
struct lesser {
  static constexpr const char* name = "gfx90a";
  static constexpr int number = 0x90a;
  static constexpr std::size_t shared_limit = 64 * 1024;
  struct leaf {};
};
struct greater : lesser {
  static constexpr const char* name = "gfx942";
  static constexpr int number = 0x942;
};
}  // namespace

#include "device_cases.hpp"
