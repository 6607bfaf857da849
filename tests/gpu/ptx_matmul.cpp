// The kernels of products for sm_80, as the PTX that nvcc makes of them, executed and compared with the product in double.
#include "ptx_launch.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>

#include <tenon/kernels/launch/nvidia/matmul.hpp>

#include "matmul_problems.hpp"

namespace {

using namespace tenon_test;
using tenon::bf16;

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}

enum class extras { none, bias, bias_and_residual };

/// Random operands, between whose rows stand NaNs.
template <class P>
struct problem {
  using words = tenon::nvidia_matmul<absent_leaf>;
  int tokens, rows, depth, stride;
  extras more;
  ptx::Buffer<bf16> x, w;
  ptx::Buffer<typename P::out> out, residual;
  ptx::Buffer<float> bias;

  problem(int t, int r, int k, extras with = extras::none, int out_slack = 0)
      : tokens(t), rows(r), depth(k), stride((k + 7) / 8 * 8 + 8), more(with), x(count(t, stride), "x"), w(count(r, stride), "w"),
        out(count(t, r + out_slack), "out"), residual(count(t, r + out_slack), "residual"), bias(count(r, 1), "bias") {
    std::mt19937 random(static_cast<unsigned>(t * 31 + r * 7 + k));
    std::normal_distribution<float> normal;
    for (auto* all : {&x, &w})
      for (std::size_t i = 0; i < all->size(); ++i)
        (*all)[i] = bf16(static_cast<int>(i) % stride < depth ? normal(random) : std::numeric_limits<float>::quiet_NaN());
    for (auto& value : residual) value = static_cast<typename P::out>(normal(random));
    for (float& value : bias) value = normal(random);
  }
  static std::size_t count(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }
  int out_stride() const { return static_cast<int>(out.size()) / tokens; }

  ptx::Report run(const char* kernel, const ptx::Options& way) {
    std::memset(static_cast<void*>(out.data()), 0xff, out.size() * sizeof(out[0]));
    tenon::matmul_arguments<P> a{};
    a.x = x.data(), a.w = w.data(), a.out = out.data(), a.tokens = tokens, a.rows = rows, a.depth = depth;
    a.x_stride = a.w_stride = stride, a.out_stride = a.residual_stride = out_stride();
    a.bias = more == extras::none ? nullptr : bias.data();
    a.residual = more == extras::bias_and_residual ? residual.data() : nullptr;
    const auto tiles = [](int n, int of) { return static_cast<unsigned>((n + of - 1) / of); };
    return launch_clean(module(), kernel, {tiles(rows, words::block_rows), tiles(tokens, words::block_tokens), 1}, words::threads, ptx::Args(a), words::shared_bytes, way);
  }
  double distance() {
    double apart = 0, size = 0;
    for (int t = 0; t < tokens; ++t)
      for (int r = 0; r < rows; ++r) {
        double want = more == extras::none ? 0.0 : static_cast<double>(bias[static_cast<std::size_t>(r)]);
        const std::size_t at = count(t, out_stride()) + static_cast<std::size_t>(r);
        if (more == extras::bias_and_residual) want += static_cast<double>(static_cast<float>(residual[at]));
        const bf16 *a = x.data() + t * stride, *b = w.data() + r * stride;
        for (int k = 0; k < depth; ++k) want += static_cast<double>(static_cast<float>(a[k])) * static_cast<double>(static_cast<float>(b[k]));
        const double d = static_cast<double>(static_cast<float>(out[at])) - want;
        apart += d * d, size += want * want;
      }
    return std::sqrt(apart / size);
  }
  /// What lies between the rows of out is left alone.
  bool untouched() {
    for (int t = 0; t < tokens; ++t)
      for (int r = rows; r < out_stride(); ++r)
        if (!std::isnan(static_cast<float>(out[count(t, out_stride()) + static_cast<std::size_t>(r)]))) return false;
    return true;
  }
  void check(const char* kernel, double bound) {
    CAPTURE(tokens);
    CAPTURE(rows);
    CAPTURE(depth);
    std::vector<char> first;
    for (const ptx::Options& way : ptx_ways()) {
      run(kernel, way);
      const char* bytes = reinterpret_cast<const char*>(out.data());
      std::vector<char> now(bytes, bytes + out.size() * sizeof(out[0]));
      if (first.empty()) {
        first = now;
        CHECK(distance() <= bound);
        CHECK(untouched());
      }
      CHECK(first == now);
    }
  }
};

constexpr double of_bf16 = 2.5e-3, of_float = 2e-6;  // the rounding of the result

TEST_CASE("whole tiles and ragged ones, with a depth that ends anywhere") {
  for (const auto& [tokens, rows, depth] : {std::tuple{128, 128, 64}, {128, 256, 320}, {1, 128, 200}, {130, 40, 71}, {37, 203, 8}, {5, 1, 1}, {64, 64, 129}}) {
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
