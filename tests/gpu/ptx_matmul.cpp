// The kernels of products for sm_80, as the PTX that nvcc makes of them, executed and compared with the product in double.
#include <cstring>

#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "matmul_problems.hpp"
#include "ptx_matmul_case.hpp"

namespace {

using namespace tenon_test;

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

template <class P>
struct problem : ptx_matmul<P> {
  using words = tenon::nvidia_matmul<absent_leaf>;
  using ptx_matmul<P>::ptx_matmul;

  ptx::Report run(const char* kernel, const ptx::Options& way) {
    this->spoil();
    return launch_clean(module(), kernel, this->grid(words::block_tokens, words::block_rows), words::threads, ptx::Args(this->arguments()), words::shared_bytes, way);
  }
  void check(const char* kernel, double bound) {
    this->check_ways(bound, [&](const ptx::Options& way) { run(kernel, way); });
  }
};

TEST_CASE("whole tiles and ragged ones, with a depth that ends anywhere") { check_ragged<problem>(1); }
TEST_CASE("a bias, a residual, and rows of out that lie apart") { check_epilogues<problem>(); }
TEST_CASE("a token has the same bits alone and in a batch") { check_company<problem>(); }

TEST_CASE("no bank conflicts, and few instructions beside the matrix products") {
  problem<to_bf16> p(128, 128, 4096);
  const ptx::Report report = p.run("matmul_to_bf16", {});
  MESSAGE("warp instructions: ", report.instructions, ", of which matrix products: ", report.mma);
  CHECK(report.mma == 4 * 128 * 64);
  CHECK(5 * report.mma >= 2 * report.instructions);
  for (const ptx::LineStat& line : report.lines)
    if (line.text.find("ldmatrix") != line.text.npos) CHECK(line.shared_waves == 4 * line.shared_requests);
}

}  // namespace
