#pragma once
// What the lanes of a simulated warp do together. Each lane leaves its operands; the last to arrive computes for all.

#include <tenon/core/bit_cast.hpp>
#include <tenon/core/number.hpp>
#include <tenon/kernels/atoms/simulated/access.hpp>
#include <tenon/kernels/shared/matrix_number.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// Lanes in step.
inline void sync_warp(const site& where) {
  executor::current()->collective(instruction::warp_barrier, where, nullptr, [](executor&, void* const*) {});
}

/// The value of lane ^ mask, which must be a lane and the same mask in all of them.
inline std::uint32_t shuffle_xor(std::uint32_t value, int mask, const site& where) {
  struct operands {
    std::uint32_t value, got;
    int mask;
  } mine{value, 0, mask};
  executor::current()->collective(instruction::shuffle, where, &mine, [](executor& e, void* const* all) {
    for (int l = 0; l < e.warp_size(); ++l) {
      operands& o = *static_cast<operands*>(all[l]);
      if (o.mask <= 0 || o.mask >= e.warp_size())
        return e.fail(fault_kind::invalid, e.me().at, 0, -1, [&] {
          return "shuffle at " + e.at(e.me().at, e.me().thread) + " with mask " + std::to_string(o.mask) + ": 1 to " +
                 std::to_string(e.warp_size() - 1) + " are allowed";
        });
      o.got = static_cast<operands*>(all[l ^ o.mask])->value;
    }
  });
  return mine.got;
}

/// Whether any lane says so.
inline bool any(bool here, const site& where) {
  executor::current()->collective(instruction::vote, where, &here, [](executor& e, void* const* all) {
    bool found = false;
    for (int l = 0; l < e.warp_size(); ++l) found |= *static_cast<bool*>(all[l]);
    for (int l = 0; l < e.warp_size(); ++l) *static_cast<bool*>(all[l]) = found;
  });
  return here;
}

/// The value of lane 0; another one in any lane is a fault.
inline int uniform(int value, const site& where) {
  executor::current()->collective(instruction::vote, where, &value, [](executor& e, void* const* all) {
    const int first = *static_cast<int*>(all[0]);
    for (int l = 1; l < e.warp_size(); ++l) {
      int& mine = *static_cast<int*>(all[l]);
      if (mine != first)
        e.fail(fault_kind::invalid, e.me().at, 0, l, [&] {
          return "uniform at " + e.at(e.me().at, e.me().thread) + " of " + std::to_string(first) + " in lane 0 and " +
                 std::to_string(mine) + " in lane " + std::to_string(l) + ": all lanes must have one value";
        });
      mine = first;
    }
  });
  return value;
}

/// ldmatrix .x4: lanes 8 i to 8 i + 7 give the addresses of the 16-byte rows of matrix i. Lane 4 r + c receives the elements 2 c and
/// 2 c + 1 of row r of each, or, transposed, of column r. Source: PTX ISA, ldmatrix.
template <bool Transposed>
void load_matrices(std::uint32_t (&to)[4], std::uint32_t row, const site& where) {
  struct operands {
    std::uint32_t (*to)[4];
    std::uint32_t row;
  } mine{&to, row};
  executor::current()->collective(instruction::matrix_load, where, &mine, [](executor& e, void* const* all) {
    const site_id at = e.me().at;
    for (int m = 0; m < 4; ++m) {
      std::uint16_t matrix[8][8];
      std::uintptr_t rows[8];
      for (int r = 0; r < 8; ++r) {
        const std::uint32_t address = static_cast<operands*>(all[8 * m + r])->row;
        rows[r] = address - e.shared_base();
        if (!access_detail::allowed_shared(e, address, 16, "matrix load", at)) {
          std::memset(matrix[r], 0xff, 16);
          continue;
        }
        if (e.checked()) {
          const lane& giver = e.lane_of(e.me().warp, 8 * m + r);
          access_detail::report_conflict(e, e.shadow().read(rows[r], 16, e.as(giver, at)), false, at);
        }
        std::memcpy(matrix[r], e.shared() + rows[r], 16);
      }
      if (e.checked()) count_shared(e.counts(), at, rows, 0xff, 16);
      for (int l = 0; l < 32; ++l) {
        const int r = l / 4, c = l % 4 * 2;
        const std::uint32_t low = Transposed ? matrix[c][r] : matrix[r][c], high = Transposed ? matrix[c + 1][r] : matrix[r][c + 1];
        (*static_cast<operands*>(all[l])->to)[m] = low | high << 16;
      }
    }
  });
}

namespace matrix_detail {

// Element `element` of a lane's packed operand; of tf32 the bits that the instruction looks at.
template <class Number>
sum_of<Number> number_of(const std::uint32_t* registers, int element) {
  constexpr int per_register = 4 / static_cast<int>(sizeof(Number));
  const std::uint32_t bits = registers[element / per_register] >> (element % per_register * 8 * static_cast<int>(sizeof(Number)));
  if constexpr (std::is_same_v<Number, tf32>)
    return bit_cast<float>(bits & 0xffffe000u);
  else if constexpr (sizeof(Number) == 1 && std::is_integral_v<Number>)
    return static_cast<std::int8_t>(bits);
  else if constexpr (sizeof(Number) == 1)
    return static_cast<float>(Number::from_bits(static_cast<std::uint8_t>(bits)));
  else
    return static_cast<float>(Number::from_bits(static_cast<std::uint16_t>(bits)));
}

// The operands of a matrix instruction in one lane.
template <class Number>
struct operands {
  sum_of<Number>* d;
  const std::uint32_t *a, *b;
};

/// d += a b of [Rows, Depth] and [Depth, Columns] of Number. Map says which element of which lane is which of a matrix, as the vendor
/// publishes it: row_a, column_a, row_b ... of (lane, element). Products are exact, sums single precision in the order of k, or exact.
template <class Number, class Map, int Lanes, int Rows, int Columns, int Depth>
void multiply(executor&, void* const* all) {
  sum_of<Number> a[Rows][Depth], b[Depth][Columns], d[Rows][Columns];
  for (int l = 0; l < Lanes; ++l) {
    const auto& o = *static_cast<operands<Number>*>(all[l]);
    for (int i = 0; i < Rows * Depth / Lanes; ++i) a[Map::row_a(l, i)][Map::column_a(l, i)] = number_of<Number>(o.a, i);
    for (int i = 0; i < Columns * Depth / Lanes; ++i) b[Map::row_b(l, i)][Map::column_b(l, i)] = number_of<Number>(o.b, i);
    for (int i = 0; i < Rows * Columns / Lanes; ++i) d[Map::row_d(l, i)][Map::column_d(l, i)] = o.d[i];
  }
  for (int r = 0; r < Rows; ++r)
    for (int k = 0; k < Depth; ++k)
      for (int c = 0; c < Columns; ++c) d[r][c] += a[r][k] * b[k][c];
  for (int l = 0; l < Lanes; ++l)
    for (int i = 0; i < Rows * Columns / Lanes; ++i) static_cast<operands<Number>*>(all[l])->d[i] = d[Map::row_d(l, i)][Map::column_d(l, i)];
}

}  // namespace matrix_detail

/// A matrix instruction of the whole warp.
template <class Number, class Map, int Lanes, int Rows, int Columns, int Depth>
void multiply(sum_of<Number>* d, const std::uint32_t* a, const std::uint32_t* b, const site& where) {
  matrix_detail::operands<Number> mine{d, a, b};
  executor::current()->collective(instruction::matrix, where, &mine, matrix_detail::multiply<Number, Map, Lanes, Rows, Columns, Depth>);
}

}  // namespace simulation
TENON_KERNELS_END
