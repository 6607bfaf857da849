// RMSNorm and the fused residual sum against the reference in double.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <tenon/kernels/launch/cpu.hpp>
#include <tenon/kernels/launch/norm.hpp>
#include <tenon/kernels/reference/norm.hpp>

namespace {

using namespace tenon;

std::vector<float> noise(index_t count, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& v : out) v = normal(random);
  return out;
}

// The relative L2 distance of RMSNorm(x) computed in double from `got`.
double distance(const std::vector<float>& x, index_t tokens, index_t width, const std::vector<float>& gain, float epsilon, const std::vector<float>& got) {
  std::vector<double> wide(x.begin(), x.end()), factor(gain.begin(), gain.end()), want(x.size());
  reference::rms_norm(view<const double, 2>(wide.data(), tokens, width), factor.data(), static_cast<double>(epsilon), view<double, 2>(want.data(), tokens, width));
  double off = 0, all = 0;
  for (std::size_t i = 0; i < want.size(); ++i) off += (got[i] - want[i]) * (got[i] - want[i]), all += want[i] * want[i];
  return std::sqrt(off / all);
}

TEST_CASE("rms_norm is the reference, whole vectors and tails") {
  for (const int threads : {1, 2, 4})
    for (const index_t width : {1, 7, 16, 63, 64, 65, 576, 1536, 7168})
      for (const index_t tokens : {1, 3, 40}) {
        const cpu machine{cpu_options{.threads = threads}};
        const auto x = noise(tokens * width, 1), gain = noise(width, 2);
        std::vector<float> out(x.size());
        rms_norm(machine, view<const float, 2>(x.data(), tokens, width), gain.data(), 1e-5f, view<float, 2>(out.data(), tokens, width));
        CHECK(distance(x, tokens, width, gain, 1e-5f, out) < 3e-7);
      }
}

TEST_CASE("rms_norm works in place, on rows apart, with tiny and huge values") {
  const cpu machine;
  const index_t tokens = 5, width = 96, step = 128;
  for (const float scale : {1e-12f, 1e-3f, 1e15f}) {
    const auto x = noise(tokens * width, 3, scale), gain = noise(width, 4);
    std::vector<float> apart(static_cast<std::size_t>(tokens * step), 7.0f), out(x.size());
    view<float, 2> rows(apart.data(), tokens, width);
    rows.stride[0] = step;
    for (index_t t = 0; t < tokens; ++t)
      for (index_t i = 0; i < width; ++i) rows(t, i) = x[static_cast<std::size_t>(t * width + i)];
    rms_norm(machine, rows, gain.data(), 1e-6f, rows);
    for (index_t t = 0; t < tokens; ++t)
      for (index_t i = 0; i < width; ++i) out[static_cast<std::size_t>(t * width + i)] = rows(t, i);
    CHECK(distance(x, tokens, width, gain, 1e-6f, out) < 3e-7);
    for (index_t t = 0; t < tokens; ++t)
      for (index_t i = width; i < step; ++i) CHECK(apart[static_cast<std::size_t>(t * step + i)] == 7.0f);
  }
}

TEST_CASE("a row of zeros stays zero") {
  std::vector<float> x(64, 0.0f), gain(64, 2.0f);
  rms_norm(cpu{}, view<const float, 2>(x.data(), 1, 64), gain.data(), 1e-5f, view<float, 2>(x.data(), 1, 64));
  for (const float v : x) CHECK(v == 0.0f);
}

TEST_CASE("add_rms_norm is the sum and then the norm, bit for bit") {
  const cpu machine;
  for (const index_t width : {5, 64, 577}) {
    const index_t tokens = 33;
    const auto addend = noise(tokens * width, 5), gain = noise(width, 6);
    auto stream = noise(tokens * width, 7), sum = stream;
    std::vector<float> fused(sum.size()), apart(sum.size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += addend[i];
    add_rms_norm(machine, view<const float, 2>(addend.data(), tokens, width), view<float, 2>(stream.data(), tokens, width), gain.data(), 1e-5f, view<float, 2>(fused.data(), tokens, width));
    rms_norm(machine, view<const float, 2>(sum.data(), tokens, width), gain.data(), 1e-5f, view<float, 2>(apart.data(), tokens, width));
    CHECK(stream == sum);
    CHECK(fused == apart);
  }
}

TEST_CASE("operands that do not fit are refused") {
  std::vector<float> x(64), gain(64);
  CHECK_THROWS_WITH_AS(rms_norm(cpu{}, view<const float, 2>(x.data(), 2, 32), gain.data(), 1e-5f, view<float, 2>(x.data(), 1, 64)),
                       "[rms_norm] needs operands of one shape, but they are 2 x 32 and 1 x 64. Fix: pass views of equal extents.", error);
}

}  // namespace
