#pragma once
// The only file that asks which compiler this is and which instructions it was told to use.

#include <tenon/version.hpp>

// Functions that run on the host and on a GPU.
#if defined(__HIP__)
#define TENON_BOTH __attribute__((host)) __attribute__((device))  // as attributes: there is no header to define the keywords
#elif defined(__CUDACC__)
#define TENON_BOTH __host__ __device__
#else
#define TENON_BOTH
#endif

// Inlined always: leaf functions whose body must never be shared between objects built with different flags.
#define TENON_INLINE inline __attribute__((always_inline))

// Goes after the parameter list of a lambda handed to a microkernel: clang outlines those that are instantiated twice,
// which costs a third of the speed. `[&](int i) TENON_LAMBDA { ... }`
#define TENON_LAMBDA __attribute__((always_inline))

// Promises that a loop carries no dependence through memory, so that plain -O2 vectorises it.
#if defined(__clang__)
#define TENON_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define TENON_INDEPENDENT _Pragma("GCC ivdep")
#else
#define TENON_INDEPENDENT
#endif

// Unrolls the loop that follows, over registers of a GPU: an index that is not a constant would put them into memory.
#if defined(__CUDA_ARCH__) || defined(__clang__)  // not in the host's half of a .cu file, whose compiler warns of it
#define TENON_UNROLL _Pragma("unroll")
#else
#define TENON_UNROLL
#endif

// tenon's major version and the instruction set of this translation unit, as one name. Everything compiled for it lives in an inline namespace of
// that name, so that objects built with different -march never share a body (the linker would keep one of them).
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#if defined(__AMX_INT8__) && defined(__AMX_BF16__) && defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#define TENON_ISA v0_avx512_vnni_bf16_amx
#elif defined(__AVX512VNNI__) && defined(__AVX512BF16__) && defined(__AVX512VBMI__)
#define TENON_ISA v0_avx512_vnni_bf16_vbmi
#elif defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#define TENON_ISA v0_avx512_vnni_bf16
#elif defined(__AVX512VNNI__)
#define TENON_ISA v0_avx512_vnni
#else
#define TENON_ISA v0_avx512
#endif
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define TENON_ISA v0_avx2
#elif defined(__ARM_NEON) && defined(__aarch64__)
#if defined(__ARM_FEATURE_DOTPROD) && defined(__ARM_FEATURE_MATMUL_INT8)
#define TENON_ISA v0_neon_dotprod_i8mm
#elif defined(__ARM_FEATURE_DOTPROD)
#define TENON_ISA v0_neon_dotprod
#else
#define TENON_ISA v0_neon
#endif
#elif defined(__AVX__)
#define TENON_ISA v0_avx
#else
#define TENON_ISA v0_scalar
#endif

namespace tenon {
#if defined(__aarch64__)
inline constexpr bool on_aarch64 = true;
#else
inline constexpr bool on_aarch64 = false;
#endif
// Whether this pass of the compiler makes code for a GPU.
#if defined(__CUDA_ARCH__) || defined(__HIP_DEVICE_COMPILE__)
inline constexpr bool gpu_pass = true;
#else
inline constexpr bool gpu_pass = false;
#endif
}  // namespace tenon

// Whether the running processor has an instruction set, by the compiler's name for it.
#if defined(__x86_64__) && !defined(__HIP_DEVICE_COMPILE__)
#define TENON_HAS_x86(name) (__builtin_cpu_init(), __builtin_cpu_supports(name) != 0)
#else
#define TENON_HAS_x86(name) false
#endif

// The GPUs of this translation unit as one name, so that objects compiled for different ones never share a kernel or what starts it: of nvcc's
// own list, 800,900 say, sm_800900; for AMD what -DTENON_GPU=amd_gfx90a_gfx942 says (the target tenon::hip does), where the compiler has no list.
#if defined(__CUDA_ARCH_LIST__)
#define TENON_GPU_JOIN(a, b, c, d, e, f, g, h, i, j, ...) sm_##a##b##c##d##e##f##g##h##i##j
#define TENON_GPU(...) TENON_GPU_JOIN(__VA_ARGS__, , , , , , , , , , )
#elif defined(__HIP__) && !defined(TENON_GPU)
#define TENON_GPU amd_gfx942
#endif

// Opens and closes `namespace tenon` with these names as inline namespaces: kernels/ and launch/ only.
#if defined(__CUDA_ARCH_LIST__)
#define TENON_KERNELS_BEGIN namespace tenon { inline namespace TENON_ISA { inline namespace TENON_GPU(__CUDA_ARCH_LIST__) {
#define TENON_KERNELS_END } } }
#elif defined(__HIP__)
#define TENON_KERNELS_BEGIN namespace tenon { inline namespace TENON_ISA { inline namespace TENON_GPU {
#define TENON_KERNELS_END } } }
#else
#define TENON_KERNELS_BEGIN namespace tenon { inline namespace TENON_ISA {
#define TENON_KERNELS_END } }
#endif
