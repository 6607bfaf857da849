#pragma once
// Operands of asynchronous products in shared memory: panels of rows of 128 bytes, as the copy engine brings them, each aligned to 1024 bytes,
// with chunk c of row r at c ^ (r % 8); and their descriptors. Source: PTX ISA 9.7.15.5.1, matrix layouts and the matrix descriptor.

#include <cstdint>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace atoms::sm90a {

inline constexpr int panel_row = 128, panel_columns = 64;  ///< bytes and 16-bit numbers of a panel's row

/// Where chunk `chunk` of row `row` lies in panels of `rows` rows, one beside the other.
template <class Address>
TENON_BOTH TENON_INLINE constexpr Address panel_offset(int rows, int row, int chunk) {
  return static_cast<Address>((chunk / 8 * rows + row) * panel_row + ((chunk % 8) ^ (row & 7)) * 16);
}

namespace operand_detail {
// The permutation of 128 bytes, and eight rows of it 1024 bytes apart.
inline constexpr std::uint64_t swizzled = std::uint64_t{1} << 62 | std::uint64_t{1024 >> 4} << 32;
}  // namespace operand_detail

/// The rows from `at` (a shared address) on, products along their numbers. The next 16 numbers: descriptor + 2; a panel: + its bytes / 16.
template <class Address>
TENON_BOTH TENON_INLINE constexpr std::uint64_t along_rows(Address at) {
  return operand_detail::swizzled | std::uint64_t{1} << 16 | (at >> 4 & 0x3fff);
}
/// The rows from `at` on as the depth of products: numbers are columns of the result, 64 to a panel. The next 16 rows: descriptor + 128.
template <class Address>
TENON_BOTH TENON_INLINE constexpr std::uint64_t across_rows(Address at, int panel_bytes) {
  return operand_detail::swizzled | static_cast<std::uint64_t>(panel_bytes >> 4) << 16 | (at >> 4 & 0x3fff);
}

}  // namespace atoms::sm90a
TENON_KERNELS_END
