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
    const tenon::matmul_tensor_arguments<P> call{a, map(a.x, a.tokens, words::block_tokens), map(a.w, a.rows, words::block_rows)};
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
TEST_CASE("whole tiles and ragged ones, with a depth that ends anywhere") {
  for (const auto& [tokens, rows, depth] : {std::tuple{128, 128, 64}, {128, 256, 320}, {1, 128, 200}, {130, 40, 72}, {37, 203, 8}, {5, 1, 2}, {64, 64, 130}}) {
    problem<to_bf16>(tokens, rows, depth).check("matmul_to_bf16", of_bf16);
    problem<to_float>(tokens, rows, depth).check("matmul_to_float", of_float);
  }
}

TEST_CASE("a bias, a residual, and rows of out that lie apart") {
  for (const int slack : {0, 3, 8}) {
    problem<to_bf16>(33, 140, 96, extras::bias_and_residual, slack).check("matmul_to_bf16", of_bf16);
    problem<to_float>(33, 141, 96, extras::bias_and_residual, slack).check("matmul_to_float", of_float);
    problem<to_float>(33, 140, 96, extras::bias, slack).check("matmul_to_float", of_float);
  }
}

TEST_CASE("a token has the same bits alone and in a batch") {
  problem<to_float> all(150, 130, 200), one(1, 130, 200);
  std::memcpy(static_cast<void*>(one.x.data()), all.x.data() + 149 * all.stride, static_cast<std::size_t>(all.stride) * 2);
  std::memcpy(static_cast<void*>(one.w.data()), all.w.data(), all.w.size() * 2);
  all.run("matmul_to_float", {});
  one.run("matmul_to_float", {});
  CHECK(std::memcmp(one.out.data(), all.out.data() + 149 * 130, 130 * sizeof(float)) == 0);
}

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
