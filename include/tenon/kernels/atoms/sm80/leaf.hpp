#pragma once
// The instructions that kernels for NVIDIA GPUs are made of, from sm_80 on: one function each, called by every thread of a block.
// Words are templates on this struct and touch memory and other threads through nothing else, so they run unchanged over
// leaf_simulated.hpp, which has the same names, preconditions and results on a processor. Source: PTX ISA, the section named.
//
// Shared memory is addressed by 32-bit byte addresses (PTX state space .shared). T of a load or store is std::uint16_t,
// std::uint32_t, std::int32_t, float, bits64 or bits128, at a multiple of its size.

#if defined(__CUDACC__)

#include <cstdint>

#include <tenon/core/bit_cast.hpp>
#include <tenon/kernels/shared/device_bits.hpp>
#include <tenon/kernels/shared/matrix_number.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm80 {

struct leaf {
  static constexpr int lanes = 32;  ///< threads that act as one: a warp
  using address = std::uint32_t;    ///< a byte of shared memory

  // ---- where this thread is

  /// The thread's number in its block: blocks are one-dimensional. Read anew at each call: what is derived from it costs an instruction
  /// again and no register in between.
  __device__ TENON_INLINE static int thread() {
    int x;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(x));
    return x;
  }
  /// The block's place in the grid.
  __device__ TENON_INLINE static int block_x() { return static_cast<int>(blockIdx.x); }
  __device__ TENON_INLINE static int block_y() { return static_cast<int>(blockIdx.y); }
  __device__ TENON_INLINE static int block_z() { return static_cast<int>(blockIdx.z); }
  /// The block's dynamic shared memory, aligned to 128 bytes.
  __device__ TENON_INLINE static address shared() {
    extern __shared__ __align__(128) unsigned char tenon_shared[];
    return static_cast<address>(__cvta_generic_to_shared(tenon_shared));
  }

  // ---- memory

  template <class T>
  __device__ TENON_INLINE static T load(const T* from) {
    if constexpr (sizeof(T) == 16)
      return bit_cast<T>(*reinterpret_cast<const uint4*>(from));
    else if constexpr (sizeof(T) == 8)
      return bit_cast<T>(*reinterpret_cast<const uint2*>(from));
    else
      return *from;
  }
  template <class T>
  __device__ TENON_INLINE static void store(T* to, const T& value) {
    if constexpr (sizeof(T) == 16)
      *reinterpret_cast<uint4*>(to) = bit_cast<uint4>(value);
    else if constexpr (sizeof(T) == 8)
      *reinterpret_cast<uint2*>(to) = bit_cast<uint2>(value);
    else
      *to = value;
  }
  template <class T>
  __device__ TENON_INLINE static T load_shared(address from) {
    if constexpr (sizeof(T) == 16) {
      bits128 v;
      asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]), "=r"(v.word[3]) : "r"(from) : "memory");
      return bit_cast<T>(v);
    } else if constexpr (sizeof(T) == 8) {
      bits64 v;
      asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(v.word[0]), "=r"(v.word[1]) : "r"(from) : "memory");
      return bit_cast<T>(v);
    } else if constexpr (sizeof(T) == 4) {
      std::uint32_t v;
      asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(from) : "memory");
      return bit_cast<T>(v);
    } else {
      std::uint16_t v;
      asm volatile("ld.shared.u16 %0, [%1];" : "=h"(v) : "r"(from) : "memory");
      return bit_cast<T>(v);
    }
  }
  template <class T>
  __device__ TENON_INLINE static void store_shared(address to, const T& value) {
    if constexpr (sizeof(T) == 16) {
      const bits128 v = bit_cast<bits128>(value);
      asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(v.word[0]), "r"(v.word[1]), "r"(v.word[2]), "r"(v.word[3]) : "memory");
    } else if constexpr (sizeof(T) == 8) {
      const bits64 v = bit_cast<bits64>(value);
      asm volatile("st.shared.v2.u32 [%0], {%1, %2};" ::"r"(to), "r"(v.word[0]), "r"(v.word[1]) : "memory");
    } else if constexpr (sizeof(T) == 4) {
      asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(bit_cast<std::uint32_t>(value)) : "memory");
    } else {
      asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"(bit_cast<std::uint16_t>(value)) : "memory");
    }
  }
  /// Four 8 x 8 matrices of 16-bit numbers (fragments.hpp: matrix_8x8): lanes 8 i to 8 i + 7 give the addresses of the 16-byte rows of
  /// matrix i, which arrives in to[i]. 9.7.14.5.15, ldmatrix .x4
  __device__ TENON_INLINE static void load_matrices(std::uint32_t (&to)[4], address row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(row) : "memory");
  }
  /// The same, each matrix transposed. ldmatrix .x4 .trans
  __device__ TENON_INLINE static void load_matrices_transposed(std::uint32_t (&to)[4], address row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row)
                 : "memory");
  }

  // ---- copies that run beside the thread: their 16 bytes are anyone's guess from copy_16 until this thread's `wait` for them and,
  // for other threads, a barrier after it. 9.7.9.25.3, cp.async

  /// 16 bytes from global to shared memory, both aligned to 16.
  __device__ TENON_INLINE static void copy_16(address to, const void* from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
  }
  /// The first `bytes` (0 to 16) from global memory, zeros after them. With 0 bytes `from` is not read.
  __device__ TENON_INLINE static void copy_16(address to, const void* from, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
  }
  /// Closes a group of this thread's copies; it may be empty.
  __device__ TENON_INLINE static void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
  /// Until all of this thread's groups but the latest `Pending` have arrived.
  template <int Pending>
  __device__ TENON_INLINE static void wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
  }

  // ---- other threads

  /// Until every thread of the block is here; what they wrote before is then seen. Reached by all of them.
  __device__ TENON_INLINE static void barrier() { asm volatile("bar.sync 0;" ::: "memory"); }
  /// The same for the lanes of a warp.
  __device__ TENON_INLINE static void sync_warp() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }
  /// The value of lane ^ mask, 0 < mask < 32. Reached by all lanes.
  __device__ TENON_INLINE static float shuffle_xor(float value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
  __device__ TENON_INLINE static std::uint32_t shuffle_xor(std::uint32_t value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }
  /// Whether any lane says so. Reached by all lanes.
  __device__ TENON_INLINE static bool any(bool here) { return __any_sync(0xffffffffu, here) != 0; }
  /// The value of lane 0, which all lanes have: tells the compiler so.
  __device__ TENON_INLINE static int uniform(int value) { return __shfl_sync(0xffffffffu, value, 0); }

  // ---- arithmetic

  /// 2^x to 2 ulp, exact at whole x; -infinity gives 0; subnormal results are 0.
  __device__ TENON_INLINE static float exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
  }
  /// The logarithm to base 2 of a normal x > 0, absolute error at most 2^-22.
  __device__ TENON_INLINE static float log2(float x) {
    float y;
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
  }
  /// 1 / x to 1 ulp; subnormal x counts as 0.
  __device__ TENON_INLINE static float reciprocal(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
  }
  /// tanh x, absolute error at most 2^-21. tanh.approx is one instruction, but wrong by 2^-11 of the result.
  __device__ TENON_INLINE static float tanh(float x) { return 1.0f - 2.0f * reciprocal(1.0f + exp2(x * 2.88539008177792681f)); }
  /// Two floats rounded to bf16, nearest even; `low` in the low half; NaN stays NaN.
  __device__ TENON_INLINE static std::uint32_t pack_bf16(float low, float high) {
    std::uint32_t y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
  }
  /// The same to f16; beyond 65504 infinity.
  __device__ TENON_INLINE static std::uint32_t pack_f16(float low, float high) {
    std::uint32_t y;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
  }
  template <class Number>
  __device__ TENON_INLINE static std::uint32_t pack(float low, float high) {
    if constexpr (std::is_same_v<Number, f16>)
      return pack_f16(low, high);
    else
      return pack_bf16(low, high);
  }
  /// The f16 in the low half of a register.
  __device__ TENON_INLINE static float from_f16(std::uint32_t bits) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(static_cast<std::uint16_t>(bits)));
    return y;
  }
  /// Byte i of the result is byte s of a (0 to 3) or b (4 to 7), s the i-th digit of four bits of `select`. prmt
  __device__ TENON_INLINE static std::uint32_t permute_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t select) {
    std::uint32_t y;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(y) : "r"(a), "r"(b), "r"(select));
    return y;
  }

  /// a ^ b, computed at each call: what it gives takes no register in between.
  __device__ TENON_INLINE static address xor_anew(address a, address b) {
    address y;
    asm volatile("xor.b32 %0, %1, %2;" : "=r"(y) : "r"(a), "r"(b));
    return y;
  }
  /// Loads that stand before it stay before it. It means nothing: ptxas, which would issue a load as late as it may, moves none across a
  /// synchronisation of the warp.
  __device__ TENON_INLINE static void keep_loads_early() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }

  // ---- products: a [16, k] and b [k, 8] of Number, d [16, 8] of its sums; k fills 32 bytes (fragments.hpp: mma_a, mma_b, mma_d and theirs for
  // numbers of 8 and 32 bits). 9.7.14.5, mma.m16n8k16 of bf16 and f16, m16n8k8 of tf32, m16n8k32 of int8; of e4m3 from sm_89 on

#define TENON_MMA(shape, type, sums, kind, first, ...)                                                                                        \
  asm volatile("mma.sync.aligned." shape ".row.col." sums "." type "." type "." sums " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, " first ";" \
               : kind(d[0]), kind(d[1]), kind(d[2]), kind(d[3])                                                                               \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1) __VA_ARGS__)

  /// d += a b.
  template <class Number = bf16>
  __device__ TENON_INLINE static void mma(sum_of<Number> (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    if constexpr (std::is_same_v<Number, bf16>)
      TENON_MMA("m16n8k16", "bf16", "f32", "+f", "{%0, %1, %2, %3}");
    else if constexpr (std::is_same_v<Number, f16>)
      TENON_MMA("m16n8k16", "f16", "f32", "+f", "{%0, %1, %2, %3}");
    else if constexpr (std::is_same_v<Number, tf32>)
      TENON_MMA("m16n8k8", "tf32", "f32", "+f", "{%0, %1, %2, %3}");
    else if constexpr (std::is_same_v<Number, e4m3>)
      TENON_MMA("m16n8k32", "e4m3", "f32", "+f", "{%0, %1, %2, %3}");
    else
      TENON_MMA("m16n8k32", "s8", "s32", "+r", "{%0, %1, %2, %3}");
  }
  /// d = a b of bf16 or f16: as mma on zeros, which then need no registers set.
  template <class Number = bf16>
  __device__ TENON_INLINE static void mma_first(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    if constexpr (std::is_same_v<Number, f16>)
      TENON_MMA("m16n8k16", "f16", "f32", "=f", "{%10, %10, %10, %10}", , "f"(0.0f));
    else
      TENON_MMA("m16n8k16", "bf16", "f32", "=f", "{%10, %10, %10, %10}", , "f"(0.0f));
  }
#undef TENON_MMA
};

}  // namespace atoms::sm80
TENON_KERNELS_END

#endif
