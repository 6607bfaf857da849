#pragma once
// Random products for kernels that run as PTX, with the answer in double.

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <tuple>
#include <type_traits>
#include <vector>

#include <tenon/kernels/launch/gpu/matmul.hpp>

#include "matmul_problems.hpp"
#include "ptx_launch.hpp"

namespace tenon_test {

enum class extras { none, bias, bias_and_residual };

/// Random operands, between whose rows stand NaNs. Numbers of 8 bits have a scale for each 128 of the depth of a token.
template <class P>
struct ptx_matmul {
  using number = tenon::problem_number<P>;
  int tokens, rows, depth, stride;
  extras more;
  ptx::Buffer<number> x, w;
  ptx::Buffer<typename P::out> out, residual;
  ptx::Buffer<float> bias, x_scale;

  ptx_matmul(int t, int r, int k, extras with = extras::none, int out_slack = 0)
      : tokens(t), rows(r), depth(k), stride((k + 15) / 16 * 16 + 16), more(with), x(count(t, stride), "x"), w(count(r, stride), "w"),
        out(count(t, r + out_slack), "out"), residual(count(t, r + out_slack), "residual"), bias(count(r, 1), "bias"),
        x_scale(count((k + 127) / 128, t), "scales of x") {
    std::mt19937 random(static_cast<unsigned>(t * 31 + r * 7 + k));
    std::normal_distribution<float> normal;
    for (auto* all : {&x, &w})
      for (std::size_t i = 0; i < all->size(); ++i)
        (*all)[i] = static_cast<int>(i) % stride < depth ? some(normal(random)) : between();
    for (auto& value : residual) value = static_cast<typename P::out>(normal(random));
    for (float& value : bias) value = normal(random);
    for (float& value : x_scale) value = sizeof(number) == 1 ? 0.1f + std::fabs(normal(random)) : 1.0f;
  }
  static number some(float normal) {
    if constexpr (std::is_integral_v<number>)
      return static_cast<number>(30 * normal > 127 ? 127 : 30 * normal < -127 ? -127 : 30 * normal);
    else
      return number(normal);
  }
  static number between() {
    if constexpr (std::is_integral_v<number>)
      return 127;
    else
      return number(std::numeric_limits<float>::quiet_NaN());
  }
  static std::size_t count(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }
  int out_stride() const { return static_cast<int>(out.size()) / tokens; }

  tenon::matmul_arguments<P> arguments() {
    tenon::matmul_arguments<P> a{};
    a.x = x.data(), a.w = w.data(), a.out = out.data(), a.tokens = tokens, a.rows = rows, a.depth = depth;
    a.x_stride = a.w_stride = stride, a.out_stride = a.residual_stride = out_stride();
    a.x_scale = x_scale.data();
    a.bias = more == extras::none ? nullptr : bias.data();
    a.residual = more == extras::bias_and_residual ? residual.data() : nullptr;
    return a;
  }
  ptx::Dim3 grid(int tile_tokens, int tile_rows) const {
    const auto tiles = [](int n, int of) { return static_cast<unsigned>((n + of - 1) / of); };
    return {tiles(rows, tile_rows), tiles(tokens, tile_tokens), 1};
  }
  void spoil() { std::memset(static_cast<void*>(out.data()), 0xff, out.size() * sizeof(out[0])); }
  double distance() {
    double apart = 0, size = 0;
    for (int t = 0; t < tokens; ++t)
      for (int r = 0; r < rows; ++r) {
        double want = more == extras::none ? 0.0 : static_cast<double>(bias[static_cast<std::size_t>(r)]);
        const std::size_t at = count(t, out_stride()) + static_cast<std::size_t>(r);
        if (more == extras::bias_and_residual) want += static_cast<double>(static_cast<float>(residual[at]));
        const number *a = x.data() + t * stride, *b = w.data() + r * stride;
        for (int k = 0; k < depth; ++k) want += static_cast<double>(x_scale[count(k / 128, tokens) + static_cast<std::size_t>(t)]) * static_cast<double>(static_cast<float>(a[k])) * static_cast<double>(static_cast<float>(b[k]));
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
  /// run(way), which must give results within `bound` and the same bits in every way.
  template <class Run>
  void check_ways(double bound, Run&& run) {
    CAPTURE(tokens);
    CAPTURE(rows);
    CAPTURE(depth);
    std::vector<char> first;
    for (const ptx::Options& way : ptx_ways()) {
      run(way);
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

inline constexpr double of_bf16 = 2.5e-3, of_float = 2e-6;  // the rounding of the result

/// What every product must do; Problem is a ptx_matmul that runs. Depths are multiples of `multiple`.
template <template <class> class Problem>
void check_ragged(int multiple) {
  for (const auto& [tokens, rows, depth] : {std::tuple{128, 128, 64}, {128, 256, 320}, {1, 128, 200}, {130, 40, 71}, {37, 203, 8}, {5, 1, 1}, {64, 64, 129}}) {
    const int deep = (depth + multiple - 1) / multiple * multiple;
    Problem<to_bf16>(tokens, rows, deep).check("matmul_to_bf16", of_bf16);
    Problem<to_float>(tokens, rows, deep).check("matmul_to_float", of_float);
  }
}
template <template <class> class Problem>
void check_epilogues() {
  for (const int slack : {0, 3, 8}) {
    Problem<to_bf16>(33, 140, 96, extras::bias_and_residual, slack).check("matmul_to_bf16", of_bf16);
    Problem<to_float>(33, 141, 96, extras::bias_and_residual, slack).check("matmul_to_float", of_float);
    Problem<to_float>(33, 140, 96, extras::bias, slack).check("matmul_to_float", of_float);
  }
}
template <template <class> class Problem>
void check_company() {
  Problem<to_float> all(150, 130, 200), one(1, 130, 200);
  std::memcpy(static_cast<void*>(one.x.data()), all.x.data() + 149 * all.stride, static_cast<std::size_t>(all.stride) * 2);
  std::memcpy(static_cast<void*>(one.w.data()), all.w.data(), all.w.size() * 2);
  all.run("matmul_to_float", {});
  one.run("matmul_to_float", {});
  CHECK(std::memcmp(one.out.data(), all.out.data() + 149 * 130, 130 * sizeof(float)) == 0);
}

}  // namespace tenon_test
