#pragma once
// Launches of PTX on a processor, through the tool that TENON_PTXRUN names: every way of scheduling warps and of landing copies.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <ptxrun.hpp>

namespace tenon_test {

/// What the host needs of a machine's words: their sizes. No function of it is called.
struct absent_leaf {
  using address = unsigned;
};

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
