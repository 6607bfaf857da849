#pragma once
// How weights lie in files: the element and block formats of GGUF and safetensors, byte for byte, and their meaning.
// Storage is a run-time fact, tensor by tensor; `with_block` turns it into a type once per product.

#include <cstddef>
#include <cstdint>

#include <tenon/core/number.hpp>
#include <tenon/core/view.hpp>

namespace tenon {

/// A format of stored weights. The blocks are those of GGUF v3.
enum class storage : std::uint8_t { f32, f16, bf16, e4m3, i8, q8_0, q4_0, q4_1, q4_k, q6_k };
inline constexpr storage every_storage[] = {storage::f32,  storage::f16,  storage::bf16, storage::e4m3, storage::i8,
                                            storage::q8_0, storage::q4_0, storage::q4_1, storage::q4_k, storage::q6_k};

// The blocks. `decode(b, out)` gives the `values` floats of one block, in the order of the row.
namespace blocks {

struct f32 {
  static constexpr int values = 1;
  float x;
  TENON_INLINE constexpr void decode(float* out) const { out[0] = x; }
};
struct f16 {
  static constexpr int values = 1;
  tenon::f16 x;
  TENON_INLINE constexpr void decode(float* out) const { out[0] = static_cast<float>(x); }
};
struct bf16 {
  static constexpr int values = 1;
  tenon::bf16 x;
  TENON_INLINE constexpr void decode(float* out) const { out[0] = static_cast<float>(x); }
};
struct e4m3 {
  static constexpr int values = 1;
  tenon::e4m3 x;
  TENON_INLINE constexpr void decode(float* out) const { out[0] = static_cast<float>(x); }
};
struct i8 {
  static constexpr int values = 1;
  std::int8_t x;
  TENON_INLINE constexpr void decode(float* out) const { out[0] = x; }
};
/// 32 values d * q, q in [-128, 127].
struct q8_0 {
  static constexpr int values = 32;
  tenon::f16 d;
  std::int8_t q[32];
  TENON_INLINE constexpr void decode(float* out) const {
    const float scale = static_cast<float>(d);
    for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(q[i]);
  }
};
/// 32 values d * (q - 8); value i < 16 is the low nibble of byte i, value i + 16 the high one.
struct q4_0 {
  static constexpr int values = 32;
  tenon::f16 d;
  std::uint8_t q[16];
  TENON_INLINE constexpr void decode(float* out) const {
    const float scale = static_cast<float>(d);
    for (int i = 0; i < 16; ++i) {
      out[i] = scale * static_cast<float>((q[i] & 15) - 8);
      out[i + 16] = scale * static_cast<float>((q[i] >> 4) - 8);
    }
  }
};
/// 32 values d * q + m, nibbles as in q4_0.
struct q4_1 {
  static constexpr int values = 32;
  tenon::f16 d, m;
  std::uint8_t q[16];
  TENON_INLINE constexpr void decode(float* out) const {
    const float scale = static_cast<float>(d), least = static_cast<float>(m);
    for (int i = 0; i < 16; ++i) {
      out[i] = scale * static_cast<float>(q[i] & 15) + least;
      out[i + 16] = scale * static_cast<float>(q[i] >> 4) + least;
    }
  }
};
/// 256 values in 8 groups of 32: (d * scale_g) * q - (dmin * min_g), 6-bit scales and mins packed in 12 bytes.
struct q4_k {
  static constexpr int values = 256;
  tenon::f16 d, dmin;
  std::uint8_t scales[12];
  std::uint8_t q[128];

  struct group {
    int scale, least;
  };
  /// The 6-bit scale and minimum of group g, 0 to 7.
  TENON_INLINE constexpr group at(int g) const {
    if (g < 4) return {scales[g] & 63, scales[g + 4] & 63};
    return {(scales[g + 4] & 15) | ((scales[g - 4] >> 6) << 4), (scales[g + 4] >> 4) | ((scales[g] >> 6) << 4)};
  }
  TENON_INLINE constexpr void decode(float* out) const {
    for (int g = 0; g < 8; ++g) {
      const group s = at(g);
      const float scale = static_cast<float>(d) * static_cast<float>(s.scale), least = static_cast<float>(dmin) * static_cast<float>(s.least);
      for (int i = 0; i < 32; ++i) out[g * 32 + i] = scale * static_cast<float>((q[(g / 2) * 32 + i] >> (4 * (g & 1))) & 15) - least;
    }
  }
};
/// 256 values in 16 groups of 16: d * scale_g * (q - 32), q of 6 bits: 4 in `low`, 2 in `high`.
struct q6_k {
  static constexpr int values = 256;
  std::uint8_t low[128];
  std::uint8_t high[64];
  std::int8_t scales[16];
  tenon::f16 d;

  /// The quantum of value i, -32 to 31.
  TENON_INLINE constexpr int at(int i) const {
    const int half = i / 128, r = i % 128, quarter = r / 32, l = r % 32;
    const int nibble = (low[half * 64 + (quarter & 1) * 32 + l] >> (4 * (quarter >> 1))) & 15;
    return (nibble | (((high[half * 32 + l] >> (2 * quarter)) & 3) << 4)) - 32;
  }
  TENON_INLINE constexpr void decode(float* out) const {
    for (int i = 0; i < 256; ++i) out[i] = static_cast<float>(d) * static_cast<float>(scales[i / 16]) * static_cast<float>(at(i));
  }
};

static_assert(sizeof(q8_0) == 34 && sizeof(q4_0) == 18 && sizeof(q4_1) == 20 && sizeof(q4_k) == 144 && sizeof(q6_k) == 210);

}  // namespace blocks

/// Calls `f` with an object of the block type of `kind`: the one place where a run-time storage becomes a type.
template <class F>
TENON_INLINE constexpr decltype(auto) with_block(storage kind, F&& f) {
  switch (kind) {
    case storage::f16: return f(blocks::f16{});
    case storage::bf16: return f(blocks::bf16{});
    case storage::e4m3: return f(blocks::e4m3{});
    case storage::i8: return f(blocks::i8{});
    case storage::q8_0: return f(blocks::q8_0{});
    case storage::q4_0: return f(blocks::q4_0{});
    case storage::q4_1: return f(blocks::q4_1{});
    case storage::q4_k: return f(blocks::q4_k{});
    case storage::q6_k: return f(blocks::q6_k{});
    case storage::f32: break;
  }
  return f(blocks::f32{});
}

/// Values per block: rows are whole numbers of blocks.
TENON_INLINE constexpr int block_values(storage kind) {
  return with_block(kind, [](auto b) TENON_LAMBDA { return decltype(b)::values; });
}
TENON_INLINE constexpr std::size_t block_bytes(storage kind) {
  return with_block(kind, [](auto b) TENON_LAMBDA { return sizeof(b); });
}
/// The bytes of a row of `values` stored values (a multiple of block_values).
TENON_INLINE constexpr std::size_t row_bytes(storage kind, index_t values) {
  return static_cast<std::size_t>(values / block_values(kind)) * block_bytes(kind);
}
constexpr const char* name(storage kind) {
  constexpr const char* names[] = {"F32", "F16", "BF16", "F8_E4M3", "I8", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K"};
  return names[static_cast<int>(kind)];
}

/// The order in which a file holds the rows of a projection that a rotary embedding will turn.
enum class row_order : std::uint8_t {
  published,    ///< as the published model has them
  interleaved,  ///< each head permuted from halves to interleaved pairs (GGUF files of llama models)
};

/// A matrix as it lies in a file: [rows, columns], each row a whole number of blocks. Not owning.
/// With one column it is a vector. A row of an `interleaved` matrix is found where the file put it.
struct stored_matrix {
  storage kind = storage::f32;
  index_t rows = 0, columns = 0;
  const std::byte* bytes = nullptr;
  row_order order = row_order::published;
  index_t head_dim = 0;          ///< rows per head, where the order is interleaved
  const float* scales = nullptr;  ///< one factor per `scale_rows` x `scale_columns` tile (block fp8, int8), or null
  index_t scale_rows = 0, scale_columns = 0;

  TENON_INLINE const std::byte* row(index_t i) const {
    if (order == row_order::interleaved) {
      const index_t head = i / head_dim, r = i % head_dim, half = head_dim / 2;
      i = head * head_dim + (r < half ? 2 * r : 2 * (r - half) + 1);
    }
    return bytes + static_cast<std::size_t>(i) * row_bytes(kind, columns);
  }
  /// Row `i` as floats: the definition of what the file means.
  TENON_INLINE void decode_row(index_t i, float* out) const {
    const std::byte* source = row(i);
    with_block(kind, [&](auto b) TENON_LAMBDA {
      using Block = decltype(b);
      for (index_t c = 0; c < columns; c += Block::values, source += sizeof(Block)) {
        __builtin_memcpy(&b, source, sizeof(Block));
        b.decode(out + c);
      }
    });
    if (scales != nullptr) {
      const index_t tiles = (columns + scale_columns - 1) / scale_columns;
      for (index_t c = 0; c < columns; ++c) out[c] *= scales[(i / scale_rows) * tiles + c / scale_columns];
    }
  }
};

}  // namespace tenon
