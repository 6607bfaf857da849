#pragma once
// Kernels for NVIDIA GPUs, and what this file was compiled for: for .cu files. A .cu file that includes this may call any launch function with
// the machine that with_arch(nvidia{0}, ...) makes.
//
// Each pass of nvcc holds the kernels of one architecture, the best for its GPUs. sm_90 and sm_90a are one number in nvcc's list, and the driver
// chooses among images by rules of its own, so a device is asked which pass its image comes from. Files of one program are compiled for the
// same GPUs, or for lists that differ in more than an 'a'.

#if defined(__CUDACC__)

#include <tenon/kernels/atoms/sm75/leaf.hpp>
#include <tenon/kernels/atoms/sm80/leaf.hpp>
#include <tenon/kernels/atoms/sm90a/leaf.hpp>
#include <tenon/kernels/launch/nvidia/runtime.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

/// The number of the architecture whose kernels serve a GPU of nvcc's number, 860 say, best; 900 without what sm_90a alone has. For 8.7, which has the
/// memory of sm_80, ptxas spills registers of its tiles.
consteval int arch_number(int one) {
  return one < 10 * sm80::number ? sm75::number : one == 860 || one == 870 ? sm86::number : one == 890 || one / 100 == 12 ? sm89::number : sm80::number;
}
static_assert(arch_number(750) == sm75::number && arch_number(800) == sm80::number && arch_number(860) == sm86::number && arch_number(870) == sm86::number);
static_assert(arch_number(890) == sm89::number && arch_number(900) == sm80::number && arch_number(1000) == sm80::number && arch_number(1030) == sm80::number);
static_assert(arch_number(1100) == sm80::number && arch_number(1200) == sm89::number && arch_number(1210) == sm89::number);

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr int arch_of_pass = sm90a::number;
#elif defined(__CUDA_ARCH__)
inline constexpr int arch_of_pass = arch_number(__CUDA_ARCH__);
#else
inline constexpr int arch_of_pass = sm80::number;  // of the host's pass: nobody asks
#endif

// The pass of an image is told by how many threads a block of this may have, which the runtime knows without running it.
consteval int threads_that_say(int arch) { return 32 * (arch - 70); }
static __global__ void __launch_bounds__(threads_that_say(arch_of_pass)) says_arch() {}

// How many blocks nvcc is told of. Where so many leave a thread all registers that it may have, 1: told of two blocks of 128 threads it spills up to
// 140 bytes that it does not spill for one.
template <class Body>
consteval int blocks_told() {
  return blocks_of<Body>() * Body::threads * 256 <= 65536 ? 1 : blocks_of<Body>();
}

// nvcc 13 makes what starts a kernel local to its file, so that two libraries of one program that hold the same kernel each start their own.
// Where the pass holds another architecture's kernels with_arch never starts it.
template <class Arch, class Body>
__global__ void __launch_bounds__(Body::threads, blocks_told<Body>()) run_body(const __grid_constant__ Body body) {
#if defined(__CUDA_ARCH__)
  if constexpr (arch_of_pass == Arch::number)
    body();
  else
    asm volatile("trap;");
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
  using archs = arch_list<sm90a, sm89, sm86, sm80>;
  using archs_of_parts = arch_list<sm90a, sm89, sm86, sm80, sm75>;
  static constexpr const char* fix = "compile for it too: CMAKE_CUDA_ARCHITECTURES, or nvcc -arch=native";
  static constexpr int compiled[] = {__CUDA_ARCH_LIST__};

  template <class Arch>
  static consteval bool holds() {
    for (const int one : {__CUDA_ARCH_LIST__})
      if (kernel_detail::arch_number(one) == Arch::number || (one == 900 && Arch::number == sm90a::number)) return true;
    return false;
  }
  /// The number of the architecture whose kernels the device would run; 0: it can run none of what was compiled.
  static int serving(const nvidia& device) {
    check<cuda_runtime>(cuda_runtime::use(device.index()), device.index(), "pass the number of a device of this machine");
    int threads = 0;
    const gpu_outcome asked = cuda_runtime::most_threads(reinterpret_cast<const void*>(&kernel_detail::says_arch), &threads);
    if (cuda_runtime::means_no_image(asked.code)) return cuda_runtime::forget_error(), 0;
    check<cuda_runtime>(asked, device.index(), fix);
    return 70 + threads / 32;
  }
  static const char* lacking(int arch, int device) {
    return arch == sm75::number && device < sm80::number ? "it has attention over arrays of the host, and products of f16; models and all else need bf16. Fix: a GPU of sm_80 or newer" : nullptr;
  }
  static gpu_names names() {
    gpu_names out;
    for (const int one : compiled) out.add("sm_", one / 10);
    return out;
  }
};

TENON_KERNELS_END

#endif
