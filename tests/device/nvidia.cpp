// nvidia{i} over CUDA's runtime as fake_cuda.cpp plays it.
#include <tenon/kernels/launch/nvidia/runtime.hpp>

namespace {
using device = tenon::nvidia;
using runtime = tenon::cuda_runtime;
constexpr const char* calls = "cuda";
constexpr int numbers[] = {75, 86, 100};
struct lesser {
  static constexpr const char* name = "sm_80";
  static constexpr int number = 80;
  static constexpr std::size_t shared_limit = 163 * 1024;
  struct leaf {};
};
struct greater : lesser {
  static constexpr const char* name = "sm_90";
  static constexpr int number = 90;
};
}  // namespace

#include "device_cases.hpp"
