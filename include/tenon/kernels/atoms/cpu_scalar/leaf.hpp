#pragma once
// The raw operations of products in plain C++: sixteen lanes as an array. The compiler makes of it what its flags allow.

#include <bit>
#include <cstdint>

#include <tenon/core/config.hpp>
#include <tenon/core/number.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

/// Sixteen lanes of float or int32, and 64 bytes read as sixteen quads. Every leaf has these names and meanings.
struct scalar_leaf {
  static constexpr bool bf16_dot = false;
  struct floats {
    float at[16];
  };
  struct ints {
    std::int32_t at[16];
  };
  struct bytes {
    std::uint8_t at[64];
  };

  template <class F>
  TENON_INLINE static floats each(F&& f) {
    floats out;
    for (int i = 0; i < 16; ++i) out.at[i] = f(i);
    return out;
  }
  template <class T>
  TENON_INLINE static T copy(const void* from) {
    T out;
    __builtin_memcpy(&out, from, sizeof out);
    return out;
  }

  TENON_INLINE static floats zero() { return floats{}; }
  TENON_INLINE static floats broadcast(float x) {
    return each([&](int) TENON_LAMBDA { return x; });
  }
  TENON_INLINE static floats load(const float* from) { return copy<floats>(from); }
  TENON_INLINE static void store(float* to, const floats& x) { __builtin_memcpy(to, &x, sizeof x); }
  TENON_INLINE static floats mul(const floats& a, const floats& b) {
    return each([&](int i) TENON_LAMBDA { return a.at[i] * b.at[i]; });
  }
  /// a b + c, rounded once where the machine can do it fast. Always the same of the two in one program.
  TENON_INLINE static floats fma(const floats& a, const floats& b, const floats& c) {
#if defined(__FMA__) || defined(__aarch64__)
    return each([&](int i) TENON_LAMBDA { return __builtin_fmaf(a.at[i], b.at[i], c.at[i]); });
#else
    return each([&](int i) TENON_LAMBDA { return a.at[i] * b.at[i] + c.at[i]; });
#endif
  }

  // Widening of sixteen stored numbers.
  TENON_INLINE static floats from_f16(const void* from) {
    const auto* bits = static_cast<const unsigned char*>(from);
    return each([&](int i) TENON_LAMBDA { return static_cast<float>(f16::from_bits(copy<std::uint16_t>(bits + 2 * i))); });
  }
  TENON_INLINE static floats from_e4m3(const void* from) {
    const auto* bits = static_cast<const std::uint8_t*>(from);
    return each([&](int i) TENON_LAMBDA { return static_cast<float>(e4m3::from_bits(bits[i])); });
  }
  TENON_INLINE static floats from_i8(const void* from) {
    const auto* x = static_cast<const std::int8_t*>(from);
    return each([&](int i) TENON_LAMBDA { return static_cast<float>(x[i]); });
  }
  TENON_INLINE static floats from_u8(const void* from) {
    const auto* x = static_cast<const std::uint8_t*>(from);
    return each([&](int i) TENON_LAMBDA { return static_cast<float>(x[i]); });
  }

  // Bytes: 64 of them, quad c belongs to lane c.
  TENON_INLINE static bytes load_bytes(const void* from) { return copy<bytes>(from); }
  TENON_INLINE static void store_bytes(void* to, const bytes& x) { __builtin_memcpy(to, &x, sizeof x); }
  /// Each byte shifted right (left where Shift < 0), then masked. Bits from the neighbour byte must be masked away.
  template <int Shift, int Mask>
  TENON_INLINE static bytes take(const bytes& x) {
    bytes out;
    for (int i = 0; i < 64; ++i) out.at[i] = static_cast<std::uint8_t>((Shift >= 0 ? x.at[i] >> (Shift & 7) : x.at[i] << (-Shift & 7)) & Mask);
    return out;
  }
  TENON_INLINE static bytes either(const bytes& a, const bytes& b) {
    bytes out;
    for (int i = 0; i < 64; ++i) out.at[i] = static_cast<std::uint8_t>(a.at[i] | b.at[i]);
    return out;
  }
  /// Byte `Which` of each quad, unsigned, as float.
  template <int Which>
  TENON_INLINE static floats byte_as_float(const bytes& x) {
    return each([&](int i) TENON_LAMBDA { return static_cast<float>(x.at[4 * i + Which]); });
  }
  /// The low or the high half of each quad as a bf16, widened.
  template <int Which>
  TENON_INLINE static floats half_as_float(const bytes& x) {
    return each([&](int i) TENON_LAMBDA { return std::bit_cast<float>((x.at[4 * i + 2 * Which] | static_cast<std::uint32_t>(x.at[4 * i + 2 * Which + 1]) << 8) << 16); });
  }

  // Integers.
  TENON_INLINE static ints zero_ints() { return ints{}; }
  TENON_INLINE static ints broadcast_int(const void* from) {
    const auto x = copy<std::int32_t>(from);
    ints out;
    for (int i = 0; i < 16; ++i) out.at[i] = x;
    return out;
  }
  /// sum + the dot product of each quad of w (unsigned, at most Largest) with that of x (signed, at least -127).
  template <int Largest>
  TENON_INLINE static ints dot(const ints& sum, const bytes& w, const ints& x) {
    ints out;
    for (int i = 0; i < 16; ++i) {
      const auto q = std::bit_cast<std::uint32_t>(x.at[i]);
      out.at[i] = sum.at[i] + w.at[4 * i] * static_cast<std::int8_t>(q) + w.at[4 * i + 1] * static_cast<std::int8_t>(q >> 8) +
                  w.at[4 * i + 2] * static_cast<std::int8_t>(q >> 16) + w.at[4 * i + 3] * static_cast<std::int8_t>(q >> 24);
    }
    return out;
  }
  TENON_INLINE static floats to_floats(const ints& x) {
    return each([&](int i) TENON_LAMBDA { return static_cast<float>(x.at[i]); });
  }

  // Quantising.
  /// The largest magnitude of 32 values, as the bits of a float: an infinity or NaN among them is larger than any number.
  TENON_INLINE static std::uint32_t peak_bits(const floats& a, const floats& b) {
    std::uint32_t peak = 0;
    for (int i = 0; i < 16; ++i) {
      const auto p = std::bit_cast<std::uint32_t>(a.at[i]) & 0x7fffffffu, q = std::bit_cast<std::uint32_t>(b.at[i]) & 0x7fffffffu;
      peak = p > peak ? p : peak;
      peak = q > peak ? q : peak;
    }
    return peak;
  }
  /// To the nearest integer, ties to even.
  TENON_INLINE static ints round(const floats& x) {
    ints out;
    for (int i = 0; i < 16; ++i) out.at[i] = static_cast<std::int32_t>(__builtin_rintf(x.at[i]));
    return out;
  }
  TENON_INLINE static void store_narrow(std::int8_t* to, const ints& x) {
    for (int i = 0; i < 16; ++i) to[i] = static_cast<std::int8_t>(x.at[i]);
  }
  TENON_INLINE static std::int32_t sum(const ints& x) {
    std::int32_t total = 0;
    for (int i = 0; i < 16; ++i) total += x.at[i];
    return total;
  }
};

}  // namespace atoms
TENON_KERNELS_END
