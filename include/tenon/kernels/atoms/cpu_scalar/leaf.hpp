#pragma once
// The raw operations of products in plain C++, over the compiler's 16-byte vectors, which every target has or gets emulated.
// Sixteen lanes are four of them. What a name means here it means on every machine.

#include <cstdint>

#include <tenon/core/config.hpp>
#include <tenon/core/number.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// Sixteen lanes of float or int32, and 64 bytes read as sixteen quads: quad c belongs to lane c.
struct scalar_leaf {
  struct tiles {
    static constexpr bool present = false;  ///< no matrix registers
  };
  typedef float float4 __attribute__((vector_size(16)));
  typedef std::int32_t int4 __attribute__((vector_size(16)));
  typedef std::uint8_t byte16 __attribute__((vector_size(16)));
  template <class Part>
  struct four {
    Part at[4];
  };
  using floats = four<float4>;
  using ints = four<int4>;
  using bytes = four<byte16>;

  TENON_INLINE static floats zero() { return floats{}; }
  TENON_INLINE static floats broadcast(float x) {
    const float4 all = {x, x, x, x};
    return {{all, all, all, all}};
  }
  TENON_INLINE static floats load(const float* from) { return copy<floats>(from); }
  TENON_INLINE static void store(float* to, const floats& x) { __builtin_memcpy(to, &x, sizeof x); }
  TENON_INLINE static floats mul(const floats& a, const floats& b) {
    return {{a.at[0] * b.at[0], a.at[1] * b.at[1], a.at[2] * b.at[2], a.at[3] * b.at[3]}};
  }
  /// a b + c. Whether it rounds once or twice is the compiler's choice, the same at every use in one program.
  TENON_INLINE static floats fma(const floats& a, const floats& b, const floats& c) {
    return {{a.at[0] * b.at[0] + c.at[0], a.at[1] * b.at[1] + c.at[1], a.at[2] * b.at[2] + c.at[2], a.at[3] * b.at[3] + c.at[3]}};
  }

  // Widening of sixteen stored numbers.
  TENON_INLINE static floats from_f16(const void* from) { return each<f16>(from); }
  TENON_INLINE static floats from_e4m3(const void* from) { return each<e4m3>(from); }
  TENON_INLINE static floats from_i8(const void* from) { return each<std::int8_t>(from); }
  TENON_INLINE static floats from_u8(const void* from) { return each<std::uint8_t>(from); }

  TENON_INLINE static bytes load_bytes(const void* from) { return copy<bytes>(from); }
  TENON_INLINE static void store_bytes(void* to, const bytes& x) { __builtin_memcpy(to, &x, sizeof x); }
  /// Each byte shifted right by Shift (left where it is negative), then masked. The mask clears what a wider shift would bring in.
  template <int Shift, int Mask>
  TENON_INLINE static bytes take(bytes x) {
    for (byte16& part : x.at) {
      if constexpr (Shift > 0) part = part >> Shift;
      if constexpr (Shift < 0) part = part << -Shift;
      part &= static_cast<std::uint8_t>(Mask);
    }
    return x;
  }
  TENON_INLINE static bytes either(bytes a, const bytes& b) {
    for (int i = 0; i < 4; ++i) a.at[i] |= b.at[i];
    return a;
  }
  /// Byte `Which` of each quad, unsigned, as float.
  template <int Which>
  TENON_INLINE static floats byte_as_float(const bytes& x) {
    ints out = copy<ints>(&x);
    for (int4& part : out.at) part = (part >> 8 * Which) & 255;
    return to_floats(out);
  }
  /// Half `Which` of each quad as a bf16, widened.
  template <int Which>
  TENON_INLINE static floats half_as_float(const auto& x) {
    ints out = copy<ints>(&x);
    for (int4& part : out.at) part = Which == 0 ? part << 16 : part & static_cast<std::int32_t>(0xffff0000u);
    return copy<floats>(&out);
  }

  static constexpr bool bf16_dot = false;  ///< whether a product of bf16 pairs is one full-rate instruction
  /// Sixteen values rounded to bf16.
  TENON_INLINE static void store_bf16(std::uint16_t* to, const floats& x) {
    for (int i = 0; i < 16; ++i) to[i] = bf16(x.at[i / 4][i % 4]).bits;
  }
  /// Both rounded to bf16: lane c holds the pair (even[c], odd[c]).
  TENON_INLINE static bytes pair_bf16(const floats& even, const floats& odd) {
    std::uint16_t low[16], high[16];
    store_bf16(low, even), store_bf16(high, odd);
    ints out;
    for (int i = 0; i < 16; ++i) out.at[i / 4][i % 4] = static_cast<std::int32_t>(low[i] | static_cast<std::uint32_t>(high[i]) << 16);
    return copy<bytes>(&out);
  }

  TENON_INLINE static ints zero_ints() { return ints{}; }
  TENON_INLINE static ints broadcast_int(const void* from) {
    const auto x = copy<std::int32_t>(from);
    const int4 all = {x, x, x, x};
    return {{all, all, all, all}};
  }
  /// sum + the dot product of each quad of w (unsigned, at most Largest) with that of x (signed, at least -127).
  template <int Largest>
  TENON_INLINE static ints dot(ints sum, const bytes& w, const ints& x) {
    const ints q = copy<ints>(&w);
    for (int i = 0; i < 4; ++i) {
      const int4 a = q.at[i], b = x.at[i];
      sum.at[i] +=
          (a & 255) * (b << 24 >> 24) + (a >> 8 & 255) * (b << 16 >> 24) + (a >> 16 & 255) * (b << 8 >> 24) + (a >> 24 & 255) * (b >> 24);
    }
    return sum;
  }
  TENON_INLINE static floats to_floats(const ints& x) {
    floats out;
    for (int i = 0; i < 4; ++i) out.at[i] = __builtin_convertvector(x.at[i], float4);
    return out;
  }

  /// The largest magnitude of 32 values, as the bits of a float: an infinity or NaN among them is larger than any number.
  TENON_INLINE static std::uint32_t peak_bits(const floats& a, const floats& b) {
    const ints x[2] = {copy<ints>(&a), copy<ints>(&b)};
    std::int32_t peak = 0;
    for (int i = 0; i < 32; ++i) {
      const std::int32_t bits = x[i / 16].at[i / 4 % 4][i % 4] & 0x7fffffff;
      peak = bits > peak ? bits : peak;
    }
    return static_cast<std::uint32_t>(peak);
  }
  /// To the nearest integer, ties to even.
  TENON_INLINE static ints round(const floats& x) {
    ints out;
    for (int i = 0; i < 16; ++i) out.at[i / 4][i % 4] = static_cast<std::int32_t>(__builtin_rintf(x.at[i / 4][i % 4]));
    return out;
  }
  /// The nearest multiple of 128, over 128: for |x| at most 16256 in [-127, 127], with a rest in [-64, 63].
  TENON_INLINE static ints over_128(const ints& x) {
    ints out;
    for (int i = 0; i < 4; ++i) out.at[i] = (x.at[i] + 64) >> 7;
    return out;
  }
  /// x - 128 times high.
  TENON_INLINE static ints less_128_times(const ints& x, const ints& high) {
    ints out;
    for (int i = 0; i < 4; ++i) out.at[i] = x.at[i] - high.at[i] * 128;
    return out;
  }
  /// x + 128 times high.
  TENON_INLINE static ints plus_128_times(const ints& x, const ints& high) {
    ints out;
    for (int i = 0; i < 4; ++i) out.at[i] = x.at[i] + high.at[i] * 128;
    return out;
  }
  TENON_INLINE static void store_narrow(std::int8_t* to, const ints& x) {
    for (int i = 0; i < 16; ++i) to[i] = static_cast<std::int8_t>(x.at[i / 4][i % 4]);
  }
  TENON_INLINE static std::int32_t sum(const ints& x) {
    const int4 total = x.at[0] + x.at[1] + x.at[2] + x.at[3];
    return total[0] + total[1] + total[2] + total[3];
  }

 private:
  template <class T>
  TENON_INLINE static T copy(const void* from) {
    T out;
    __builtin_memcpy(&out, from, sizeof out);
    return out;
  }
  template <class T>
  TENON_INLINE static floats each(const void* from) {
    float out[16];
    for (int i = 0; i < 16; ++i) out[i] = static_cast<float>(copy<T>(static_cast<const char*>(from) + static_cast<int>(sizeof(T)) * i));
    return load(out);
  }
};

}  // namespace atoms
TENON_KERNELS_END
