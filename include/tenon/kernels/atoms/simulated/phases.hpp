#pragma once
// Barriers in shared memory that arrivals and announced bytes complete, phase by phase, and the copies of boxes that count at them.
// Source: PTX ISA, mbarrier and cp.async.bulk.tensor.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <tenon/core/fault.hpp>
#include <tenon/kernels/atoms/simulated/site.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// Where 16 bytes of an address in shared memory lie under the permutation of 128 bytes: address bits 4 to 6 change by bits 7 to 9.
inline constexpr std::uint32_t permuted_128(std::uint32_t address) { return address ^ (address >> 7 & 7) << 4; }

inline constexpr std::uint64_t tensor_map_mark = 0x74656e6f6e6d6170;  // ours: no driver made it

/// What the simulated copy engine takes. Throws tenon::error for what a driver would refuse.
inline tensor_map encode(const tensor_shape& of) {
  const auto refuse = [](const char* why) { throw error("[tensor_shape] of a map ", why, ". Fix: see kernels/shared/tensor_map.hpp."); };
  if (of.axes < 2 || of.axes > 4) refuse("must have 2 to 4 axes");
  if (reinterpret_cast<std::uintptr_t>(of.first) % 16 != 0) refuse("must begin at a multiple of 16 bytes");
  if (of.box[0] * static_cast<std::uint32_t>(of.element_bytes) != 128) refuse("must have boxes whose rows fill 128 bytes");
  for (int axis = 0; axis < of.axes; ++axis) {
    if (of.extent[axis] == 0 || of.box[axis] == 0 || of.box[axis] > 256) refuse("must have extents of 1 or more and boxes of 1 to 256");
    if (axis == 0) continue;
    if (of.stride[axis] % 16 != 0 || of.stride[axis] >= std::uint64_t{1} << 40) refuse("must have strides that are multiples of 16 bytes, below 2^40");
    const std::uint64_t before = axis > 1 ? of.stride[axis - 1] : 1, least = axis > 1 ? before : of.extent[0] * static_cast<std::uint64_t>(of.element_bytes);
    if (of.stride[axis] < least || of.stride[axis] % before != 0) refuse("must have strides that are multiples of the one before, the first of a whole row or more");
  }
  tensor_map out{};
  static_assert(sizeof(tensor_shape) <= sizeof(out.opaque) - 8);
  std::memcpy(out.opaque, &of, sizeof of);
  out.opaque[15] = tensor_map_mark;
  return out;
}

/// 16 bytes of a box under way.
struct box_piece {
  std::uint32_t to;  // offset in the block's shared memory
  const std::byte* from;
  std::uint32_t kept;  // so many come from there, the others are zeros
};

/// One copy of a box, from issue until its bytes are there.
struct box_flight {
  std::vector<box_piece> pieces;
  site_id at;
  bool landed = false;

  void land(std::byte* shared) {
    for (const box_piece& p : pieces) {
      if (p.kept > 0) std::memcpy(shared + p.to, p.from, p.kept);
      std::memset(shared + p.to + p.kept, 0, 16 - p.kept);
    }
    landed = true;
  }
  std::int64_t bytes() const { return static_cast<std::int64_t>(pieces.size()) * 16; }
};

/// One barrier of the block.
struct phase_barrier {
  std::uint32_t at;  // offset in shared memory
  int count, pending;
  std::int64_t announced = 0;  // bytes of this phase that have not come
  std::uint32_t phase = 0;     // how many have ended
  int made_by;
  bool published = false;
  std::vector<std::uint32_t> gathered, released;  // by thread: up to when its accesses come before the arrivals, before the last phase's end
  std::vector<box_flight> flights;                // of this phase

  bool over(int parity) const { return static_cast<int>(phase & 1) != parity; }
};

}  // namespace simulation
TENON_KERNELS_END
