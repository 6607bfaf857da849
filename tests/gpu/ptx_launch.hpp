#pragma once
// Launches of PTX on a processor, through the tool that TENON_PTXRUN names: every way of scheduling warps and of landing copies.

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include <ptxrun.hpp>
#include <tenon/kernels/shared/tensor_map.hpp>

namespace tenon_test {

/// What the host needs of a machine's words: their sizes. No function of it is called.
struct absent_leaf {
  using address = unsigned;
  static constexpr int lanes = 32;
  template <class T>
  using held = T;
};

/// What kernels of sm_90 take for a tensor: in the executor's own encoding.
inline tenon::tensor_map encode(const tenon::tensor_shape& of, ptx::Swizzle order = ptx::Swizzle::B128) {
  std::vector<std::uint64_t> extents, strides;
  std::vector<std::uint32_t> box;
  for (int axis = 0; axis < of.axes; ++axis) {
    extents.push_back(of.extent[axis]), box.push_back(of.box[axis]);
    if (axis > 0) strides.push_back(of.stride[axis]);
  }
  const ptx::TensorMap made = ptx::make_tensor_map(of.first, static_cast<std::uint32_t>(of.element_bytes), extents, strides, box, order);
  tenon::tensor_map out;
  std::memcpy(&out, &made, sizeof out);
  return out;
}

/// The ways in which kernels must give the same bits: copies that land as late and as early as they may, warps in order, in reverse
/// and at random.
inline std::vector<ptx::Options> ptx_ways() {
  std::vector<ptx::Options> ways(4);
  ways[1].async = ptx::Async::Eager, ways[1].schedule = ptx::Schedule::Reverse;
  ways[2].async = ptx::Async::Lazy, ways[2].schedule = ptx::Schedule::Random, ways[2].quantum = 7, ways[2].seed = 3;
  ways[3].async = ptx::Async::Random, ways[3].schedule = ptx::Schedule::Random, ways[3].quantum = 31, ways[3].resident = 2;
  return ways;
}

/// One launch, which must end without a fault. The report counts instructions.
inline ptx::Report launch_clean(ptx::Module& module, const std::string& kernel, ptx::Dim3 grid, unsigned threads, const ptx::Args& arguments, unsigned shared_bytes,
                                const ptx::Options& way) {
  ptx::Report report = module.launch(kernel, grid, {threads, 1, 1}, arguments, shared_bytes, way);
  INFO(report.text());
  CHECK(report.clean());
  return report;
}

}  // namespace tenon_test
