#pragma once
// Kernels for AMD GPUs, and what this file was compiled for: for .hip files. A .hip file that includes this may call any launch function with
// the machine that with_arch(amd{0}, ...) makes.

#if defined(__HIP__)

#include <tenon/kernels/atoms/gfx1100/leaf.hpp>
#include <tenon/kernels/atoms/gfx1201/leaf.hpp>
#include <tenon/kernels/atoms/gfx90a/leaf.hpp>
#include <tenon/kernels/atoms/gfx942/leaf.hpp>
#include <tenon/kernels/launch/amd/runtime.hpp>

TENON_KERNELS_BEGIN
namespace kernel_detail {

constexpr bool same_text(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}
/// Whether `name` is among `names`, which '_' separates.
constexpr bool named_in(const char* name, const char* names) {
  for (; *names != '\0'; ++names) {
    const char* at = name;
    while (*at != '\0' && *names == *at) ++at, ++names;
    if (*at == '\0' && (*names == '_' || *names == '\0')) return true;
    while (*names != '_' && *names != '\0') ++names;
    if (*names == '\0') return false;
  }
  return false;
}

#define TENON_TEXT_OF(name) #name
#define TENON_TEXT(macro) TENON_TEXT_OF(macro)
inline constexpr const char* gpu_names_text = TENON_TEXT(TENON_GPU);
#undef TENON_TEXT
#undef TENON_TEXT_OF

#if defined(__HIP_DEVICE_COMPILE__)
static_assert(named_in(__amdgcn_processor__, gpu_names_text),
              "[TENON_GPU] must name every architecture that is compiled for. Fix: link tenon::hip, or -DTENON_GPU=amd_gfx90a_gfx942 and so on.");
#endif

/// Waves that each of a compute unit's SIMDs is to hold.
template <class Arch, class Body>
consteval int waves_of() {
  constexpr int waves = blocks_of<Body>() * Body::threads / (Arch::leaf::lanes * 4);
  return waves < 1 ? 1 : waves;
}

// Hidden, so that two libraries of one program that hold the same kernel each start their own. In a pass for another GPU the kernel is
// empty; with_arch never starts it there.
template <class Arch, class Body>
__attribute__((global, visibility("hidden"), amdgpu_flat_work_group_size(Body::threads, Body::threads), amdgpu_waves_per_eu(waves_of<Arch, Body>()))) void run_body([[maybe_unused]] const Body body) {
#if defined(__HIP_DEVICE_COMPILE__)
  if constexpr (same_text(__amdgcn_processor__, Arch::name)) body();
#endif
}

}  // namespace kernel_detail

template <>
struct gpu_kernels<hip_runtime> {
  template <class Arch, class Body>
  static const void* address() {
    return reinterpret_cast<const void*>(&kernel_detail::run_body<Arch, Body>);
  }
};

template <>
struct gpu_targets<hip_runtime> {
  using archs = arch_list<gfx942, gfx90a, gfx1201, gfx1100>;
  using archs_of_parts = archs;
  static constexpr const char* fix = "compile for it too: CMAKE_HIP_ARCHITECTURES, or --offload-arch";

  template <class Arch>
  static consteval bool holds() {
    return kernel_detail::named_in(Arch::name, kernel_detail::gpu_names_text);
  }
  static int serving(const amd& device) { return device.number(); }
  static const char* lacking(int, int) { return nullptr; }
  static const char* names() { return kernel_detail::gpu_names_text + sizeof("amd_") - 1; }
};

TENON_KERNELS_END

#endif
