#pragma once
// Kernels for NVIDIA GPUs, and what this file was compiled for: for .cu files. A .cu file that includes this may call any launch function with
// the machine that with_arch(nvidia{0}, ...) makes.

#if defined(__CUDACC__)

#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/launch/nvidia/runtime.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

// nvcc 13 makes what starts a kernel local to its file, so that two libraries of one program that hold the same kernel each start their own.
// In a pass for a GPU that is older than Arch the kernel is empty; with_arch never starts it there.
template <class Arch, class Body>
__global__ void __launch_bounds__(Body::threads, blocks_of<Body>()) run_body(const __grid_constant__ Body body) {
#if defined(__CUDA_ARCH__)
  if constexpr (__CUDA_ARCH__ >= 10 * Arch::number) body();
#endif
}

}  // namespace kernel_detail

template <>
struct gpu_kernels<cuda_runtime> {
  template <class Arch, class Body>
  static const void* address() {
    return reinterpret_cast<const void*>(&kernel_detail::run_body<Arch, Body>);
  }
};

template <>
struct gpu_targets<cuda_runtime> {
  using archs = arch_list<sm80>;
  static constexpr const char* fix = "compile for it too: CMAKE_CUDA_ARCHITECTURES, or nvcc -arch=native";
  static constexpr int compiled[] = {__CUDA_ARCH_LIST__};

  template <class Arch>
  static consteval bool holds() {
    for (const int one : {__CUDA_ARCH_LIST__})
      if (one >= 10 * Arch::number) return true;
    return false;
  }
  /// Whether something was compiled that is new enough for Arch's instructions and old enough for the device.
  template <class Arch>
  static bool serves(int number) {
    for (const int one : compiled)
      if (one >= 10 * Arch::number && one <= 10 * number) return true;
    return false;
  }
  static gpu_names names() {
    gpu_names out;
    for (const int one : compiled) out.add("sm_", one / 10);
    return out;
  }
};

TENON_KERNELS_END

#endif
