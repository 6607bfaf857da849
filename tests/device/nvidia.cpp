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

namespace {

TEST_CASE("a device that takes memory from the host while kernels run is refused unified memory, in one sentence") {
  fake::reset({{"Alone", numbers[1], std::size_t{64} << 20, false}});
  const auto gpu = machine();
  const std::string want = "nvidia{0} shares no memory with the host while its kernels run, as the weights would need it to (its concurrentManagedAccess is 0). Fix: ";
  CHECK_THROWS_WITH_AS(gpu.memory(16, placed::unified, "the weights"), Contains(want.c_str()), error);
  CHECK_THROWS_WITH_AS(allocate(gpu, 16, "the weights"), Contains(want.c_str()), error);  // as a model does
  CHECK(fake::now().times("cudaMallocManaged") == 0);
  CHECK(fake::now().nothing_left());
  auto apart = gpu.array<int>(1, placed::device);
  CHECK(read(gpu, apart.data()) == 0);
}

}  // namespace
