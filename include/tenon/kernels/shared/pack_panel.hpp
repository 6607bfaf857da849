#pragma once
// From rows as they lie in a file to the slabs of a panel (panel.hpp). Rows and columns beyond the matrix become zeros.

#include <cstddef>
#include <cstdint>

#include <tenon/core/storage.hpp>
#include <tenon/kernels/shared/panel.hpp>

TENON_KERNELS_BEGIN
namespace panel {
namespace detail {

template <class T>
TENON_INLINE T read(const std::byte* from) {
  T out;
  __builtin_memcpy(&out, from, sizeof out);
  return out;
}
template <class T>
TENON_INLINE void write(std::byte* to, T value) {
  __builtin_memcpy(to, &value, sizeof value);
}
// Calls f(lane, row) for the rows of the matrix that exist in the panel that starts at `first`.
template <class F>
TENON_INLINE void each_row(const stored_matrix& m, index_t first, F&& f) {
  for (int c = 0; c < columns && first + c < m.rows; ++c) f(c, first + c);
}
// Block number `at` of a row, if the row is that long.
template <class Block, class F>
TENON_INLINE void each_block(const stored_matrix& m, index_t row, index_t first, int count, F&& f) {
  const std::byte* source = m.row(row);
  for (int b = 0; b < count && (first + b) * Block::values < m.columns; ++b)
    f(b, read<Block>(source + static_cast<std::size_t>(first + b) * sizeof(Block)));
}
// Where value k of lane c lies among quads, and among the lines of nibbles.
TENON_INLINE constexpr int quad_at(int c, int k) { return k / 4 * 64 + c * 4 + k % 4; }
TENON_INLINE void add_nibble(std::byte* lines, int c, int k, int value) {
  lines[k / 8 * 64 + c * 4 + k % 4] |= static_cast<std::byte>(value << (k / 4 % 2 * 4));
}
TENON_INLINE float tile_scale(const stored_matrix& m, index_t row, index_t column) {
  if (m.scales == nullptr) return 1.0f;
  return m.scales[row / m.scale_rows * ((m.columns + m.scale_columns - 1) / m.scale_columns) + column / m.scale_columns];
}
// Values of unblocked storage, from column `first` of a row on, as floats.
template <class F>
TENON_INLINE void each_value(const stored_matrix& m, index_t row, index_t first, int count, F&& f) {
  with_block(m.kind, [&](auto block) TENON_LAMBDA {
    using Block = decltype(block);
    if constexpr (Block::values == 1) {
      each_block<Block>(m, row, first, count, [&](int k, const Block& b) TENON_LAMBDA {
        float value;
        b.decode(&value);
        f(k, value);
      });
    }
  });
}

}  // namespace detail

// pack(format, m, first_row, first_column, slab): fills one slab, which must be zeroed, from the matrix.

inline void pack(f32, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_value(m, row, first_column, f32::depth, [&](int k, float x) { detail::write(slab + (k * columns + c) * 4, x); });
  });
}
inline void pack(f16, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_block<blocks::f16>(m, row, first_column, f16::depth,
                                    [&](int k, const blocks::f16& b) { detail::write(slab + (k * columns + c) * 2, b.x.bits); });
  });
}
/// Any float storage, rounded to bf16.
inline void pack(bf16, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_value(m, row, first_column, bf16::depth,
                       [&](int k, float x) { detail::write(slab + (k / 2 * columns + c) * 4 + k % 2 * 2, tenon::bf16(x).bits); });
  });
}
/// A NaN among the values becomes a NaN scale: its column of the product is NaN either way.
inline void pack(e4m3, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    float scales[2] = {};
    for (int half = 0; half < 2 && first_column + 32 * half < m.columns; ++half)
      scales[half] = detail::tile_scale(m, row, first_column + 32 * half);
    detail::each_block<blocks::e4m3>(m, row, first_column, e4m3::depth, [&](int k, const blocks::e4m3& b) {
      if ((b.x.bits & 0x7f) == 0x7f)
        scales[k / 32] = static_cast<float>(b.x);
      else
        detail::write(slab + k * columns + c, b.x.bits);
    });
    for (int half = 0; half < 2; ++half) detail::write(slab + 1024 + (half * columns + c) * 4, scales[half]);
  });
}
inline void pack(i8, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    for (int half = 0; half < 2 && first_column + 32 * half < m.columns; ++half)
      detail::write(slab + 1024 + (half * columns + c) * 4, detail::tile_scale(m, row, first_column + 32 * half));
    for (int k = 0; k < i8::depth; ++k) slab[detail::quad_at(c, k)] = std::byte{128};
    detail::each_block<blocks::i8>(m, row, first_column, i8::depth,
                                   [&](int k, const blocks::i8& b) { slab[detail::quad_at(c, k)] = static_cast<std::byte>(b.x + 128); });
  });
}
inline void pack(q8_0, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_block<blocks::q8_0>(m, row, first_column / 32, 2, [&](int half, const blocks::q8_0& b) {
      detail::write(slab + 1024 + (half * columns + c) * 2, b.d.bits);
      for (int k = 0; k < 32; ++k) slab[detail::quad_at(c, 32 * half + k)] = static_cast<std::byte>(b.q[k] + 128);
    });
  });
}
inline void pack(q4_0, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_block<blocks::q4_0>(m, row, first_column / 32, 2, [&](int half, const blocks::q4_0& b) {
      detail::write(slab + 512 + (half * columns + c) * 2, b.d.bits);
      for (int k = 0; k < 32; ++k) detail::add_nibble(slab, c, 32 * half + k, (b.q[k % 16] >> (k / 16 * 4)) & 15);
    });
  });
}
inline void pack(q4_1, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_block<blocks::q4_1>(m, row, first_column / 32, 2, [&](int half, const blocks::q4_1& b) {
      detail::write(slab + 512 + (half * columns + c) * 2, b.d.bits);
      detail::write(slab + 576 + (half * columns + c) * 2, b.m.bits);
      for (int k = 0; k < 32; ++k) detail::add_nibble(slab, c, 32 * half + k, (b.q[k % 16] >> (k / 16 * 4)) & 15);
    });
  });
}
inline void pack(q4_k, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_block<blocks::q4_k>(m, row, first_column / 256, 1, [&](int, const blocks::q4_k& b) {
      detail::write(slab + 2 * c, b.d.bits);
      detail::write(slab + 32 + 2 * c, static_cast<std::uint16_t>(b.dmin.bits ^ 0x8000));
      for (int group = 0; group < 8; ++group) {
        std::byte* part = slab + 64 + group / 2 * 576;
        const auto s = b.at(group);
        part[512 + group % 2 * 16 + c] = static_cast<std::byte>(s.scale);
        part[544 + group % 2 * 16 + c] = static_cast<std::byte>(s.least);
        for (int k = 0; k < 32; ++k) detail::add_nibble(part, c, group % 2 * 32 + k, (b.q[group / 2 * 32 + k] >> (group % 2 * 4)) & 15);
      }
    });
  });
}
inline void pack(q6_k, const stored_matrix& m, index_t first_row, index_t first_column, std::byte* slab) {
  detail::each_row(m, first_row, [&](int c, index_t row) {
    detail::each_block<blocks::q6_k>(m, row, first_column / 256, 1, [&](int, const blocks::q6_k& b) {
      detail::write(slab + 2 * c, b.d.bits);
      for (int i = 0; i < 256; ++i) {
        std::byte* part = slab + 64 + i / 64 * 832;
        const int k = i % 64, value = b.at(i) + 32;
        if (i % 16 == 0) part[768 + k / 16 * 16 + c] = static_cast<std::byte>(b.scales[i / 16]);
        detail::add_nibble(part, c, k, value & 15);
        part[512 + k / 16 * 64 + c * 4 + k % 4] |= static_cast<std::byte>((value >> 4) << (k / 4 % 4 * 2));
      }
    });
  });
}

}  // namespace panel
TENON_KERNELS_END
