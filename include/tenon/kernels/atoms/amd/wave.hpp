#pragma once
// What the leaves of AMD's GPUs have in common: one instruction to a function, called by every thread of a block. Words are templates on a
// leaf and touch memory and other threads through nothing else, so they run unchanged over leaf_simulated.hpp, which has the same names,
// preconditions and results on a processor. Each machine adds its matrix instructions. Source: AMD's instruction set manuals.
//
// Shared memory (LDS) is addressed by 32-bit byte addresses. T of a load or store is std::uint16_t, std::uint32_t, std::int32_t, float,
// bits64 or bits128, at a multiple of its size.

#include <cstdint>
#include <type_traits>

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/shared/device_bits.hpp>

TENON_KERNELS_BEGIN
namespace atoms::amd {

#if defined(__HIP__)

/// Lanes: 64 on CDNA, 32 on RDNA.
template <int Lanes>
struct wave {
  static constexpr int lanes = Lanes;  ///< threads that act as one
  using address = std::uint32_t;       ///< a byte of shared memory

  // ---- where this thread is

  /// The thread's number in its block: blocks are one-dimensional.
  __attribute__((device)) TENON_INLINE static int thread() { return static_cast<int>(__builtin_amdgcn_workitem_id_x()); }
  /// The block's place in the grid.
  __attribute__((device)) TENON_INLINE static int block_x() { return static_cast<int>(__builtin_amdgcn_workgroup_id_x()); }
  __attribute__((device)) TENON_INLINE static int block_y() { return static_cast<int>(__builtin_amdgcn_workgroup_id_y()); }
  __attribute__((device)) TENON_INLINE static int block_z() { return static_cast<int>(__builtin_amdgcn_workgroup_id_z()); }
  /// The block's dynamic shared memory, aligned to 128 bytes.
  __attribute__((device)) TENON_INLINE static address shared() {
    extern __attribute__((shared, aligned(128))) unsigned char tenon_shared[];
    return static_cast<address>(reinterpret_cast<std::uintptr_t>((local<unsigned char>*)tenon_shared));
  }

  // ---- memory

  template <class T>
  __attribute__((device)) TENON_INLINE static T load(const T* from) {
    return bit_cast<T>(*(const global<raw<T>>*)from);
  }
  template <class T>
  __attribute__((device)) TENON_INLINE static void store(T* to, const T& value) {
    *(global<raw<T>>*)to = bit_cast<raw<T>>(value);
  }
  template <class T>
  __attribute__((device)) TENON_INLINE static T load_shared(address from) {
    return bit_cast<T>(*(const local<raw<T>>*)from);
  }
  template <class T>
  __attribute__((device)) TENON_INLINE static void store_shared(address to, const T& value) {
    *(local<raw<T>>*)to = bit_cast<raw<T>>(value);
  }

  // ---- other threads

  /// Until every thread of the block is here; what they wrote to shared memory before is then seen. Reached by all of them. Global loads
  /// in flight stay in flight.
  __attribute__((device)) TENON_INLINE static void barrier() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
  }
  /// The same for the lanes of a wave.
  __attribute__((device)) TENON_INLINE static void sync_warp() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront", "local");
    __builtin_amdgcn_wave_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront", "local");
  }
  /// The value of lane ^ mask, 0 < mask < lanes. Reached by all lanes.
  __attribute__((device)) TENON_INLINE static float shuffle_xor(float value, int mask) {
    return bit_cast<float>(shuffle_xor(bit_cast<std::uint32_t>(value), mask));
  }
  __attribute__((device)) TENON_INLINE static std::uint32_t shuffle_xor(std::uint32_t value, int mask) {
    if constexpr (lanes == 32)
      if (mask == 16) return __builtin_amdgcn_permlanex16(0, value, 0x76543210, 0xfedcba98, false, false);  // each lane from its own place in the other 16
    const int lane = thread() % lanes;  // ds_bpermute: by byte address, 4 per lane
    return static_cast<std::uint32_t>(__builtin_amdgcn_ds_bpermute((lane ^ mask) * 4, static_cast<int>(value)));
  }
  /// Whether any lane says so. Reached by all lanes.
  __attribute__((device)) TENON_INLINE static bool any(bool here) {
    if constexpr (lanes == 64)
      return __builtin_amdgcn_ballot_w64(here) != 0;
    else
      return __builtin_amdgcn_ballot_w32(here) != 0;
  }
  /// The value of lane 0, which all lanes have: tells the compiler so.
  __attribute__((device)) TENON_INLINE static int uniform(int value) { return __builtin_amdgcn_readfirstlane(value); }

  /// Instructions do not move past this: on RDNA, whose lanes have 256 registers, the operands of all steps of a product at once are too many.
  __attribute__((device)) TENON_INLINE static void in_steps() {
    if constexpr (lanes == 32) __builtin_amdgcn_sched_barrier(0);
  }
  /// The same value, of which the compiler knows nothing: what is derived from it is computed again, and takes no register in between.
  __attribute__((device)) TENON_INLINE static int anew(int value) {
    asm volatile("" : "+v"(value));
    return value;
  }

  // ---- arithmetic

  /// 2^x to 1 ulp, exact at whole x; -infinity gives 0; subnormal results are 0.
  __attribute__((device)) TENON_INLINE static float exp2(float x) { return __builtin_amdgcn_exp2f(x); }
  /// The logarithm to base 2 of a normal x > 0, to 1 ulp.
  __attribute__((device)) TENON_INLINE static float log2(float x) { return __builtin_amdgcn_logf(x); }
  /// 1 / x to 1 ulp.
  __attribute__((device)) TENON_INLINE static float reciprocal(float x) { return __builtin_amdgcn_rcpf(x); }
  /// The f16 in the low half of a register.
  __attribute__((device)) TENON_INLINE static float from_f16(std::uint32_t bits) {
    return static_cast<float>(bit_cast<_Float16>(static_cast<std::uint16_t>(bits)));
  }
  /// Byte i of the result is byte s of a (0 to 3) or b (4 to 7), s the i-th digit of four bits of `select`. v_perm_b32
  __attribute__((device)) TENON_INLINE static std::uint32_t permute_bytes(std::uint32_t a, std::uint32_t b, std::uint32_t select) {
    return __builtin_amdgcn_perm(b, a, (select & 15u) | (select & 0xf0u) << 4 | (select & 0xf00u) << 8 | (select & 0xf000u) << 12);
  }
  /// tanh x, absolute error at most 2^-21.
  __attribute__((device)) TENON_INLINE static float tanh(float x) { return 1.0f - 2.0f * reciprocal(1.0f + exp2(x * 2.88539008177792681f)); }
  /// Two floats rounded to bf16, nearest even; `low` in the low half; NaN stays NaN.
  __attribute__((device)) TENON_INLINE static std::uint32_t pack_bf16(float low, float high) {
    return __builtin_amdgcn_perm(rounded(high), rounded(low), 0x07060302u);
  }
  /// The same to Number, bf16 or f16.
  template <class Number>
  __attribute__((device)) TENON_INLINE static std::uint32_t pack(float low, float high) {
    if constexpr (std::is_same_v<Number, f16>)
      return bit_cast<std::uint16_t>(static_cast<_Float16>(low)) | static_cast<std::uint32_t>(bit_cast<std::uint16_t>(static_cast<_Float16>(high))) << 16;
    else
      return pack_bf16(low, high);
  }
  /// The same for weights of attention, with fewer instructions: of NaNs only those stay NaN whose low 16 bits are 0 (arithmetic on bf16 makes no others).
  template <class Number>
  __attribute__((device)) TENON_INLINE static std::uint32_t pack_weights(float low, float high) {
    if constexpr (std::is_same_v<Number, f16>)
      return pack<Number>(low, high);
    else
      return __builtin_amdgcn_perm(rounded_number(high), rounded_number(low), 0x07060302u);
  }

 private:
  template <int Bytes, int = 0>
  struct register_of {
    using type = std::uint32_t __attribute__((vector_size(Bytes)));
  };
  template <int Unused>
  struct register_of<2, Unused> {
    using type = std::uint16_t;
  };
  template <int Unused>
  struct register_of<4, Unused> {
    using type = std::uint32_t;
  };
  // What moves a T: classes know no address spaces.
  template <class T>
  using raw = typename register_of<sizeof(T)>::type;
  template <class T>
  using local = __attribute__((address_space(3))) T;
  template <class T>
  using global = __attribute__((address_space(1))) T;
  // The rounded number in the upper half; what is below it does not matter.
  __attribute__((device)) TENON_INLINE static std::uint32_t rounded(float value) {
    const std::uint32_t number = rounded_number(value), nan = bit_cast<std::uint32_t>(value) | 0x400000u;  // both, so that it is no branch
    return value == value ? number : nan;
  }
  __attribute__((device)) TENON_INLINE static std::uint32_t rounded_number(float value) {
    const auto bits = bit_cast<std::uint32_t>(value);
    return bits + 0x7fffu + ((bits >> 16) & 1u);
  }
};

#endif

}  // namespace atoms::amd
TENON_KERNELS_END
