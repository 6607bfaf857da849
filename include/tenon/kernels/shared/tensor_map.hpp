#pragma once
// A matrix in global memory as the copy engine of sm_90 sees it: boxes of it arrive in shared memory, zeros where it ends.

#include <cstdint>

#include <tenon/core/config.hpp>

namespace tenon {

/// What copies are made of: an opaque value (CUtensorMap) that the machine's own encoder fills from a tensor_shape, and kernels take by value.
struct alignas(64) tensor_map {
  std::uint64_t opaque[16];
};

/// Up to four axes, the innermost first, dense. What a driver takes: cuda.h, cuTensorMapEncodeTiled, which has each stride as the one before it times an extent
/// and padding. Rows of a box fill 128 bytes, whose 16-byte chunks come permuted: chunk c of row r lies at
/// c ^ (r % 8).
struct tensor_shape {
  const void* first;           ///< aligned to 16 bytes
  int element_bytes;           ///< 1, 2 or 4
  int axes;                    ///< 2 to 4
  std::uint32_t extent[4];     ///< elements of each axis
  std::uint64_t stride[4];     ///< bytes between neighbours along each axis, below 2^40: beyond the innermost multiples of 16 and of the one before, from a whole row on
  std::uint32_t box[4];        ///< what one copy brings; the innermost fills 128 bytes, the others hold at most 256
};

}  // namespace tenon
