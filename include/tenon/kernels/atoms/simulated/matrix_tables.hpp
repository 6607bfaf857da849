#pragma once
// Which element of which lane is which of a matrix, written down from what the vendors publish and from nothing else: an executor that
// shared its tables with the kernels would not see a wrong one.

#include <cstdint>

#include <tenon/core/config.hpp>

TENON_KERNELS_BEGIN
namespace simulation {

/// mma.m16n8 of numbers of `Bytes` bytes, the depth filling 32 bytes: groupID = laneid >> 2, threadID_in_group = laneid % 4. PTX ISA, 'Matrix
/// Fragments for' mma.m16n8k16 with floating point type, mma.m16n8k8 (.tf32), mma.m16n8k32 (.s8, .e4m3), each as it stands there.
template <int Bytes>
struct mma_m16n8;

template <>
struct mma_m16n8<2> {
  static constexpr int group(int lane) { return lane >> 2; }
  static constexpr int in_group(int lane) { return lane % 4; }

  // row = groupID for ai where 0 <= i < 2 or 4 <= i < 6, groupID + 8 otherwise
  static constexpr int row_a(int lane, int i) { return (0 <= i && i < 2) || (4 <= i && i < 6) ? group(lane) : group(lane) + 8; }
  // col = threadID_in_group * 2 + (i & 1) for i < 4, that + 8 for i >= 4
  static constexpr int column_a(int lane, int i) { return in_group(lane) * 2 + (i & 1) + (i >= 4 ? 8 : 0); }
  // row = threadID_in_group * 2 + (i & 1) for i < 2, that + 8 for i >= 2; col = groupID
  static constexpr int row_b(int lane, int i) { return in_group(lane) * 2 + (i & 1) + (i >= 2 ? 8 : 0); }
  static constexpr int column_b(int lane, int) { return group(lane); }
  // row = groupID for c0 and c1, groupID + 8 for c2 and c3; col = threadID_in_group * 2 + (i & 1)
  static constexpr int row_d(int lane, int i) { return i < 2 ? group(lane) : group(lane) + 8; }
  static constexpr int column_d(int lane, int i) { return in_group(lane) * 2 + (i & 1); }
};

template <>
struct mma_m16n8<4> : mma_m16n8<2> {
  // row = groupID for a0 and a2, groupID + 8 for a1 and a3; col = threadID_in_group for a0 and a1, threadID_in_group + 4 for a2 and a3
  static constexpr int row_a(int lane, int i) { return i == 0 || i == 2 ? group(lane) : group(lane) + 8; }
  static constexpr int column_a(int lane, int i) { return i < 2 ? in_group(lane) : in_group(lane) + 4; }
  // row = threadID_in_group for b0, threadID_in_group + 4 for b1; col = groupID
  static constexpr int row_b(int lane, int i) { return i == 0 ? in_group(lane) : in_group(lane) + 4; }
};

template <>
struct mma_m16n8<1> : mma_m16n8<2> {
  // row = groupID for ai where 0 <= i < 4 or 8 <= i < 12, groupID + 8 otherwise
  static constexpr int row_a(int lane, int i) { return (0 <= i && i < 4) || (8 <= i && i < 12) ? group(lane) : group(lane) + 8; }
  // col = (threadID_in_group * 4) + (i & 0x3) for ai where i < 8, (threadID_in_group * 4) + (i & 0x3) + 16 for ai where i >= 8
  static constexpr int column_a(int lane, int i) { return in_group(lane) * 4 + (i & 0x3) + (i >= 8 ? 16 : 0); }
  // row = (threadID_in_group * 4) + (i & 0x3) for bi where i < 4, (threadID_in_group * 4) + (i & 0x3) + 16 for bi where i >= 4
  static constexpr int row_b(int lane, int i) { return in_group(lane) * 4 + (i & 0x3) + (i >= 4 ? 16 : 0); }
};

/// mma.m16n8k8 of 16-bit numbers, 'Matrix Fragments for mma.m16n8k8', .f16: two registers of A, one of B.
struct mma_m16n8k8_half : mma_m16n8<2> {
  // row = groupID for a0 and a1, groupID + 8 for a2 and a3; col = threadID_in_group * 2 + (i & 1)
  static constexpr int row_a(int lane, int i) { return i < 2 ? group(lane) : group(lane) + 8; }
  static constexpr int column_a(int lane, int i) { return in_group(lane) * 2 + (i & 1); }
  // row = (threadID_in_group * 2) + i; col = groupID
  static constexpr int row_b(int lane, int i) { return in_group(lane) * 2 + i; }
};

/// wgmma.mma_async of 16-bit numbers, the 16 rows of one warp of the four. PTX ISA, 'Register Fragments for wgmma.mma_async.m64nNk16': warp i of
/// the group has rows 16 i to 16 i + 15; within them row = laneid >> 2, + 8 for the second pair of registers.
struct wgmma_fragments {
  // A: a0, a1 of row laneid / 4, a2, a3 eight below, then the same eight columns further
  static constexpr int row_a(int lane, int i) { return lane / 4 + (i == 2 || i == 3 || i == 6 || i == 7 ? 8 : 0); }
  static constexpr int column_a(int lane, int i) { return (lane & 3) * 2 + (i & 1) + (i < 4 ? 0 : 8); }
  // D: d0, d1 of row laneid / 4 and columns 2 (laneid % 4) and the next one; d2, d3 eight rows below; d4 and on eight columns further
  static constexpr int row_d(int lane, int i) { return lane / 4 + ((i & 3) >= 2 ? 8 : 0); }
  static constexpr int column_d(int lane, int i) { return (lane & 3) * 2 + (i & 1) + (i >> 2) * 8; }
};

/// Where 16-byte chunks of an operand lie before the permutation of 128 bytes. PTX ISA, 'Strides': the stride is that between repeating patterns of
/// eight rows of 128 bytes. K-major: row r of the operand, whose 32 bytes of depth are chunks 0 and 1.
struct wgmma_k_major {
  static constexpr std::uint32_t offset(int row, int chunk, std::uint32_t stride) {
    return static_cast<std::uint32_t>(row >> 3) * stride + static_cast<std::uint32_t>(row & 7) * 128 + static_cast<std::uint32_t>(chunk) * 16;
  }
};
/// MN-major: row k of the depth, whose columns fill patterns of 64, `leading` bytes apart.
struct wgmma_mn_major {
  static constexpr std::uint32_t offset(int k, int chunk, std::uint32_t leading, std::uint32_t stride) {
    return static_cast<std::uint32_t>(chunk >> 3) * leading + static_cast<std::uint32_t>(k >> 3) * stride + static_cast<std::uint32_t>(k & 7) * 128 +
           static_cast<std::uint32_t>(chunk & 7) * 16;
  }
};

}  // namespace simulation
TENON_KERNELS_END
