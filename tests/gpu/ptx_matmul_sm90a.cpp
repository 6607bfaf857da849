// The kernels of products for sm_90a, as the PTX that nvcc makes of them, executed and compared with the product in double.
#include <cstring>

#include <tenon/kernels/launch/nvidia/matmul_sm90a.hpp>

#include "matmul_problems.hpp"
#include "ptx_breaks.hpp"
#include "ptx_matmul_case.hpp"

namespace {

using namespace tenon_test;

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

template <class P>
struct problem : ptx_matmul<P> {
  using words = tenon::sm90a_matmul<absent_leaf>;
  ptx::Swizzle order = ptx::Swizzle::B128;
  using ptx_matmul<P>::ptx_matmul;

  ptx::Report launch(ptx::Module& with, const std::string& kernel, const ptx::Options& way) {
    const auto a = this->arguments();
    const auto map = [&](const tenon::bf16* first, int count, int box) { return encode(tenon::operand_shape(first, count, a.depth, this->stride, box), order); };
    const tenon::matmul_tensor_arguments<P> call{a, map(a.x, a.tokens, words::block_tokens), {map(a.w, a.rows, words::block_rows)}};
    return with.launch(kernel, this->grid(words::block_tokens, words::block_rows), {words::threads, 1, 1}, ptx::Args(call), words::shared_bytes, way);
  }
  ptx::Report run(const std::string& kernel, const ptx::Options& way) {
    this->spoil();
    ptx::Report report = launch(module(), kernel, way);
    INFO(report.text());
    CHECK(report.clean());
    CHECK(report.wgmma_serialised == 0);
    return report;
  }
  void check(const char* kernel, double bound) {
    this->check_ways(bound, [&](const ptx::Options& way) { run(kernel, way); });
  }
};

// The executor watches copies by words of 32 bits, so depths are even here; under simulation they end anywhere.
TEST_CASE("whole tiles and ragged ones") { check_ragged<problem>(2); }
TEST_CASE("a bias, a residual, and rows of out that lie apart") { check_epilogues<problem>(); }
TEST_CASE("a token has the same bits alone and in a batch") { check_company<problem>(); }

// Ten stages of the depth where shared memory holds four.
TEST_CASE("every break of the kernel shows, wherever it is made") {
  problem<to_float> p(100, 200, 640);
  CHECK(break_everywhere(p, "matmul_to_float", of_float) >= 20);
}

TEST_CASE("the copy engine's maps say where operands end") {
  problem<to_float> p(100, 200, 100);
  p.order = ptx::Swizzle::None;
  p.run("matmul_to_float", {});
  CHECK_FALSE(p.distance() <= of_float);
}

}  // namespace
