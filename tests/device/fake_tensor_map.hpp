#pragma once
// Tensor maps as the played driver encodes them: what it was asked for, under a mark, after the checks that cuda.h describes at cuTensorMapEncodeTiled, in their
// strictest reading: strides ascend, each a multiple of the one before it. Not played: interleaving, packed numbers, steps other than 1.

#include <cstdint>
#include <cstring>

#include "fake_gpus.hpp"

namespace tenon_test::fake {

/// What 128 opaque bytes hold.
struct tiled_map {
  std::uint64_t mark, first;
  std::uint64_t stride[4];  ///< bytes; of axis 1 and further
  std::uint32_t extent[5], axes;
  std::uint16_t box[5];
  std::uint8_t element_bytes, swizzle, promotion, nan_fill;
  std::uint8_t unused[42];
};
static_assert(sizeof(tiled_map) == 128);
inline constexpr std::uint64_t map_mark = 0x6d61702d64656c74;

/// Whether `at` holds a map, which is then in `to`.
inline bool decode(const void* at, tiled_map* to) {
  std::memcpy(to, at, sizeof *to);
  return to->mark == map_mark;
}

/// Writes a map to `at`. Swizzles are counted as the vendor does: 3 is 128 bytes.
inline int encode(void* at, unsigned element_bytes, unsigned axes, const void* first, const std::uint64_t* extent, const std::uint64_t* stride, const std::uint32_t* box, const std::uint32_t* steps,
                  int interleave, int swizzle, int promotion, int nan_fill) {
  tiled_map out{};
  out.mark = map_mark, out.first = reinterpret_cast<std::uintptr_t>(first);
  bool right = reinterpret_cast<std::uintptr_t>(at) % 64 == 0 && axes >= 1 && axes <= 5 && out.first % 16 == 0 && interleave == 0 && swizzle >= 0 && swizzle <= 3 && element_bytes != 0;
  if (!right) return invalid_value;
  for (unsigned i = 0; i < axes; ++i) {
    right = right && extent[i] >= 1 && extent[i] <= std::uint64_t{1} << 32 && box[i] >= 1 && box[i] <= 256 && steps[i] == 1;
    out.extent[i] = static_cast<std::uint32_t>(extent[i]), out.box[i] = static_cast<std::uint16_t>(box[i]);
    if (i == 0) continue;
    const std::uint64_t before = i > 1 ? stride[i - 2] : 1, least = i > 1 ? before : extent[0] * element_bytes;
    right = right && stride[i - 1] % 16 == 0 && stride[i - 1] < std::uint64_t{1} << 40 && stride[i - 1] >= least && stride[i - 1] % before == 0;
    out.stride[i - 1] = stride[i - 1];
  }
  const unsigned row = box[0] * element_bytes;
  right = right && row % 16 == 0 && (swizzle == 0 || row <= 16u << swizzle);
  if (!right) return invalid_value;
  out.axes = axes, out.element_bytes = static_cast<std::uint8_t>(element_bytes), out.swizzle = static_cast<std::uint8_t>(swizzle);
  out.promotion = static_cast<std::uint8_t>(promotion), out.nan_fill = static_cast<std::uint8_t>(nan_fill);
  std::memcpy(at, &out, sizeof out);
  return fine;
}

}  // namespace tenon_test::fake
