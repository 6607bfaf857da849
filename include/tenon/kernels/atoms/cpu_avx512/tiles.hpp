#pragma once
// The tile registers of AMX, where the translation unit has them: eight tiles of 16 rows of 64 bytes. The system lends them to a
// process that asks; where it refuses, products take the vector path, with the same bits.
// Source: Intel 64 and IA-32 manual, volume 1, chapter 18; Linux, Documentation/arch/x86/xstate.rst.

#include <cstddef>
#include <cstdint>

#include <sys/syscall.h>
#include <unistd.h>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace atoms {

#if defined(__AMX_INT8__) && defined(__AMX_BF16__)

struct amx_tiles {
  static constexpr bool present = true;

  /// Whether the system lends the tiles. Asked once.
  static bool lent() noexcept {
    constexpr long request_permission = 0x1023, tile_data = 18;
    static const bool granted = ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    return granted;
  }

  struct extent {
    std::uint8_t rows;
    std::uint16_t row_bytes;
  };
  /// Gives tiles 0 to 6 their extents, until release.
  TENON_INLINE static void configure(const extent (&tiles)[7]) noexcept {
    struct alignas(64) {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } shape;
    for (int i = 0; i < 7; ++i) shape.row_bytes[i] = tiles[i].row_bytes, shape.rows[i] = tiles[i].rows;
    asm volatile("ldtilecfg %0" ::"m"(shape));
  }
  TENON_INLINE static void release() noexcept { asm volatile("tilerelease"); }

  template <int Tile>
  TENON_INLINE static void zero() noexcept {
    asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
  }
  template <int Tile>
  TENON_INLINE static void load(const void* from, std::ptrdiff_t stride) noexcept {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile) : "memory");
  }
  template <int Tile>
  TENON_INLINE static void store(void* to, std::ptrdiff_t stride) noexcept {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(Tile) : "memory");
  }
  /// sums += x w, of signed bytes.
  template <int Sums, int X, int Weights>
  TENON_INLINE static void dot_bytes() noexcept {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sums), "i"(X), "i"(Weights));
  }
  /// sums += x w, of bf16.
  template <int Sums, int X, int Weights>
  TENON_INLINE static void dot_bf16() noexcept {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sums), "i"(X), "i"(Weights));
  }
};

#else

struct amx_tiles {
  static constexpr bool present = false;
};

#endif

}  // namespace atoms
TENON_KERNELS_END
