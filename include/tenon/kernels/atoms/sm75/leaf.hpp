#pragma once
// What NVIDIA's Turing has instead of some instructions of sm_80: copies go through registers, products of f16 have half the depth. The words of
// sm_80 run over it unchanged, for f16. Names, preconditions and results as there.

#if defined(__CUDACC__)

#include <tenon/kernels/atoms/sm80/leaf.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm75 {

struct leaf : sm80::leaf {
  /// Here the 16 bytes are there when the call returns, for this thread; loads of several calls run at once, since nothing in shared memory
  /// can be what they read.
  __device__ TENON_INLINE static void copy_16(address to, const void* from) { store_shared(to, load_16(from)); }
  __device__ TENON_INLINE static void copy_16(address to, const void* from, int bytes) {
    bits128 v{};
    if (bytes == 16) {
      v = load_16(from);
    } else {
      const auto* const halves = static_cast<const std::uint16_t*>(from);
      TENON_UNROLL for (int i = 0; i < 8; ++i)
        if (2 * i < bytes) v.word[i / 2] |= static_cast<std::uint32_t>(halves[i]) << (i % 2 * 16);
    }
    store_shared(to, v);
  }
  __device__ TENON_INLINE static void commit() {}
  template <int>
  __device__ TENON_INLINE static void wait() {}

  __device__ TENON_INLINE static std::uint32_t pack_f16(float low, float high) {
    std::uint32_t y;
    asm("{\n.reg .b16 a, b;\ncvt.rn.f16.f32 a, %1;\ncvt.rn.f16.f32 b, %2;\nmov.b32 %0, {a, b};\n}" : "=r"(y) : "f"(low), "f"(high));
    return y;
  }
  template <class Number>
  __device__ TENON_INLINE static std::uint32_t pack(float low, float high) {
    static_assert(std::is_same_v<Number, f16>, "[leaf] of sm_75 rounds to f16: it has no bf16. Fix: out of float or f16.");
    return pack_f16(low, high);
  }

  /// Two products of half the depth. 9.7.14.5.7, mma.m16n8k8
  template <class Number>
  __device__ TENON_INLINE static void mma(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    static_assert(std::is_same_v<Number, f16>, "[leaf] of sm_75 multiplies f16: it has no bf16. Fix: numbers of f16.");
    half(d, a[0], a[1], b0);
    half(d, a[2], a[3], b1);
  }
  template <class Number>
  __device__ TENON_INLINE static void mma_first(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %7, %7, %7};"
                 : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b0), "f"(0.0f));
    half(d, a[2], a[3], b1);
  }

 private:
  __device__ TENON_INLINE static bits128 load_16(const void* from) {
    bits128 v;
    asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3]) : "l"(from));
    return v;
  }
  __device__ TENON_INLINE static void half(float (&d)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t b) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a0), "r"(a1), "r"(b));
  }
};

}  // namespace atoms::sm75
TENON_KERNELS_END

#endif
