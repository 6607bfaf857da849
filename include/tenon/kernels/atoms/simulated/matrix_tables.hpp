#pragma once
// Which element of which lane is which of a matrix, written down from what the vendors publish and from nothing else: an executor that
// shared its tables with the kernels would not see a wrong one.

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

}  // namespace simulation
TENON_KERNELS_END
