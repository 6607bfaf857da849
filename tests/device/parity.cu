// Kernels on a real NVIDIA GPU (sh tests/run.sh --device); without one, skipped. Linked with fake_cuda.cpp instead of CUDA's runtime, the same
// object runs as PTX on the processor, on GPUs of several generations.
#include <string>

#include <tenon/kernels/launch/gpu/graph.hpp>
#include <tenon/kernels/launch/nvidia/launch.hpp>
#include <tenon/kernels/launch/nvidia/words.hpp>

using device = tenon::nvidia;

#include "parity_cases.hpp"

namespace {

// Compiled for compute_80 and compute_90a, in the exhaustive run for compute_75 and compute_86 too.
TEST_CASE("a device runs the kernels of its generation") {
  const int number = device{0}.number();
  bool small = false;
  for (const int one : {__CUDA_ARCH_LIST__}) small |= one == 860 && number > 80 && number != 90;
  const std::string arch = with_arch(device{0}, [](const auto& gpu) { return std::string(std::decay_t<decltype(gpu)>::arch::name); });
  CHECK(arch == (number == 90 ? "sm_90a" : small ? "sm_86" : "sm_80"));
}

}  // namespace
