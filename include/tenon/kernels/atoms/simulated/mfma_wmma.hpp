#pragma once
// The matrix instructions of AMD's GPUs. Where an element lies is written down from what AMD publishes (the instruction set manuals, the
// matrix instruction calculator's formulas) and not from the kernels' tables, from which it also differs in form: matrix to register here, register
// to matrix there. Tests compare both with the calculator's own answers.

#include <cmath>
#include <limits>
#include <optional>

#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/simulated/collectives.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// v_mfma 32 x 32 x Depth, one block, of numbers of Bits bits. Of A[i][k]: lane 32 floor(k / (Depth / 2)) + i, numbers from the low bits of
/// register 0 on; B[k][j] as A[j][k]. Of D[i][j]: lane (32 floor(i / 4)) % 64 + j, register 4 floor(i / 8) + i % 4.
template <int Bits, int Depth>
struct mfma_32x32 {
  static constexpr int lanes = 64, side = 32, depth = Depth, bits = Bits, copies = 1;
  static constexpr int lane(int i, int k) { return 32 * (k / (Depth / 2)) + i; }
  static constexpr int bit(int k) { return k % (Depth / 2) * Bits; }
  static constexpr int lane_d(int i, int j) { return 32 * (i / 4) % 64 + j; }
  static constexpr int register_d(int i) { return 4 * (i / 8) + i % 4; }
};

/// v_wmma 16 x 16 x 16 of RDNA3 in waves of 32. A[i][k] lies in lanes i and i + 16; D[i][j] in lane (16 i) % 32 + j, register floor(i / 2).
template <int Bits>
struct wmma_rdna3 {
  static constexpr int lanes = 32, side = 16, depth = 16, bits = Bits, copies = 2;
  static constexpr int lane(int i, int) { return i; }
  static constexpr int bit(int k) { return k * Bits; }
  static constexpr int lane_d(int i, int j) { return 16 * i % 32 + j; }
  static constexpr int register_d(int i) { return i / 2; }
};

/// v_wmma 16 x 16 x 16 of RDNA4 in waves of 32. Of A[i][k]: lane 16 (floor(k / 4) % 2) + i, register 2 floor(k / 8) + floor(k / 2) % 2, where numbers
/// have 16 bits; lane 16 floor(k / 8) + i, register floor(k / 4) % 2, where they have 8. D[i][j]: lane 16 floor(i / 8) + j, register i % 8.
template <int Bits>
struct wmma_rdna4 {
  static constexpr int lanes = 32, side = 16, depth = 16, bits = Bits, copies = 1;
  static constexpr int lane(int i, int k) { return 16 * (Bits == 16 ? k / 4 % 2 : k / 8) + i; }
  static constexpr int bit(int k) { return Bits == 16 ? 32 * (2 * (k / 8) + k / 2 % 2) + 16 * (k % 2) : 32 * (k / 4 % 2) + 8 * (k % 4); }
  static constexpr int lane_d(int i, int j) { return 16 * (i / 8) + j; }
  static constexpr int register_d(int i) { return i % 8; }
};

/// FNUZ e4m3: exponents are biased by 8, 0x80 is NaN and nothing else is.
struct fnuz_e4m3 {
  std::uint8_t bits;

  static fnuz_e4m3 from_bits(std::uint8_t bits) { return {bits}; }
  explicit operator float() const {
    if (bits == 0x80) return std::numeric_limits<float>::quiet_NaN();
    const int exponent = bits >> 3 & 15, fraction = bits & 7;
    const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -10) : std::ldexp(static_cast<float>(8 + fraction), exponent - 11);
    return (bits & 0x80) != 0 ? -size : size;
  }
};

namespace matrix_detail {

struct amd_operands {
  void* d;
  const std::uint32_t *a, *b;
};

// The bits of A[i][k] or B[k][i]; nothing where its copies differ.
template <class Map>
std::optional<std::uint32_t> bits_of(void* const* all, const std::uint32_t* amd_operands::*operand, int i, int k) {
  const auto in = [&](int lane) {
    const std::uint32_t word = (static_cast<const amd_operands*>(all[lane])->*operand)[Map::bit(k) / 32];
    return word >> Map::bit(k) % 32 & ((1u << Map::bits) - 1);
  };
  const std::uint32_t first = in(Map::lane(i, k));
  if (Map::copies == 2 && in(Map::lane(i, k) + 16) != first) return {};
  return first;
}

/// d += a b. Products are exact, sums single precision in the order of k, or 32-bit integers that wrap. With Flush, subnormal floats are 0.
template <class Number, class Map, bool Flush>
void multiply_amd(executor& e, void* const* all) {
  using sum = sum_of<Number>;
  constexpr int side = Map::side, depth = Map::depth;
  sum a[side][depth], b[depth][side], d[side][side];
  const auto flushed = [](sum value) { return Flush && std::fpclassify(value) == FP_SUBNORMAL ? sum{} : value; };
  bool differ = false;
  const auto number = [&](const std::uint32_t* amd_operands::*operand, int i, int k) {
    const auto bits = bits_of<Map>(all, operand, i, k);
    differ |= !bits;
    // Of 16 bits the smallest normal number of bf16 is that of float; that of f16 is larger.
    const std::uint32_t one = bits.value_or(0);
    const bool small = Flush && std::is_same_v<Number, f16> && (one & 0x7c00) == 0;
    return small ? sum{} : flushed(number_of<Number>(&one, 0));
  };
  for (int i = 0; i < side; ++i)
    for (int k = 0; k < depth; ++k) a[i][k] = number(&amd_operands::a, i, k), b[k][i] = number(&amd_operands::b, i, k);
  if (differ)
    e.fail(fault_kind::invalid, e.me().at, 0, -1, [&] {
      return "matrix product at " + e.at(e.me().at, e.me().thread) + " of an operand whose lanes 16 to 31 are not its lanes 0 to 15: both must hold the same";
    });
  const auto sum_of = [&](int i, int j) -> void* { return static_cast<unsigned char*>(static_cast<amd_operands*>(all[Map::lane_d(i, j)])->d) + Map::register_d(i) * 4; };
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) std::memcpy(&d[i][j], sum_of(i, j), 4);
  for (int i = 0; i < side; ++i)
    for (int k = 0; k < depth; ++k)
      for (int j = 0; j < side; ++j) {
        if constexpr (std::is_integral_v<sum>)
          d[i][j] = static_cast<sum>(static_cast<std::uint32_t>(d[i][j]) + static_cast<std::uint32_t>(a[i][k] * b[k][j]));
        else
          d[i][j] += a[i][k] * b[k][j];
      }
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) {
      const sum value = flushed(d[i][j]);
      std::memcpy(sum_of(i, j), &value, 4);
    }
}

}  // namespace matrix_detail

/// A matrix instruction of the whole wave: `d` points at a lane's sums, `a` and `b` at its registers.
template <class Number, class Map, bool Flush = false>
void multiply_amd(void* d, const std::uint32_t* a, const std::uint32_t* b, const site& where) {
  matrix_detail::amd_operands mine{d, a, b};
  executor::current()->collective(instruction::matrix, where, &mine, matrix_detail::multiply_amd<Number, Map, Flush>);
}

}  // namespace simulation
TENON_KERNELS_END
