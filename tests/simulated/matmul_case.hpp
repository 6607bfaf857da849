#pragma once
// Random products as GPU kernels take them, between their rows NaNs or, of int8, what would show, with the answer in double.

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/simulated.hpp>

namespace tenon::testing {

// The two kinds of results.
struct to_bf16 {
  using out = bf16;
};
struct to_float {
  using out = float;
};
/// The same of other numbers.
template <class Number, class Out>
struct product_of {
  using number = Number;
  using out = Out;
};

/// Problem: out. Strides are wider than rows; bytes beyond the last number are not registered.
template <class Problem>
struct matmul_case {
  using out_type = typename Problem::out;
  int tokens, rows, depth;
  bool more;  // with a bias and a residual
  int stride, out_stride;
  int read_at_once = 1;  // the last rows of x and w exist up to a multiple of so many bytes
  using number = problem_number<Problem>;
  std::vector<number> x, w;
  std::vector<out_type> out, residual;
  std::vector<float> bias, x_scale, w_scale;  // scales of numbers of 8 bits

  matmul_case(int t, int r, int k, bool with, int out_slack = 0)
      : tokens(t),
        rows(r),
        depth(k),
        more(with),
        stride((k + 15) / 16 * 16 + 16),
        out_stride(r + out_slack),
        x(count(t, stride) + 64),
        w(count(r, stride) + 64),
        out(count(t, out_stride) + 64),
        residual(out.size()),
        bias(count(r, 1) + 64),
        x_scale(count(t, 1)),
        w_scale(count(r, 1)) {
    std::mt19937 random(static_cast<unsigned>(t * 31 + r * 7 + k));
    std::normal_distribution<float> normal;
    for (auto* all : {&x, &w})
      for (std::size_t i = 0; i < all->size(); ++i)
        (*all)[i] = static_cast<int>(i) % stride < depth ? some(normal(random)) : between;
    for (out_type& value : residual) value = static_cast<out_type>(normal(random));
    for (float& value : bias) value = normal(random);
    for (auto* all : {&x_scale, &w_scale})
      for (float& value : *all) value = std::fabs(normal(random)) * (std::is_integral_v<number> ? 0.01f : 1.0f);
  }

  matmul_arguments<Problem> arguments() {
    matmul_arguments<Problem> a{};
    a.x = x.data(), a.w = w.data(), a.out = out.data(), a.tokens = tokens, a.rows = rows, a.depth = depth;
    a.x_stride = a.w_stride = stride, a.out_stride = a.residual_stride = out_stride;
    a.bias = more ? bias.data() : nullptr;
    a.residual = more ? residual.data() : nullptr;
    if (sizeof(number) == 1) a.x_scale = x_scale.data(), a.w_scale = more ? w_scale.data() : nullptr;
    return a;
  }
  template <class Leaf, class Words, class Machine>
  void run(const Machine& machine, const matmul_arguments<Problem>& a, int shared_bytes = Words::shared_bytes) {
    launch<Words>(machine, matmul_body<Leaf, Words, Problem>{a}, shared_bytes);
  }
  template <class Words, class Machine, class Body>
  void launch(const Machine& machine, const Body& body, int shared_bytes = Words::shared_bytes) {
    std::fill(out.begin(), out.end(), out_type(-7.0f));
    // Of the last row only what exists: a kernel has nothing to look for beyond it.
    const int bytes = depth * static_cast<int>(sizeof(number));
    const auto last = static_cast<std::size_t>((bytes + read_at_once - 1) / read_at_once * read_at_once);
    machine.readable(x.data(), count(tokens - 1, stride) * sizeof(number) + last, "x");
    machine.readable(w.data(), count(rows - 1, stride) * sizeof(number) + last, "w");
    machine.readable(residual.data(), count(tokens, out_stride) * sizeof(out_type), "residual");
    machine.readable(bias.data(), count(rows, 1) * sizeof(float), "bias");
    machine.readable(x_scale.data(), count(tokens, 1) * sizeof(float), "scales of x");
    machine.readable(w_scale.data(), count(rows, 1) * sizeof(float), "scales of w");
    machine.writable(out.data(), count(tokens, out_stride) * sizeof(out_type), "out");
    const auto tiles = [](int n, int of) { return (n + of - 1) / of; };
    machine.launch({tiles(rows, Words::block_rows), tiles(tokens, Words::block_tokens), 1}, {Words::threads},
                   static_cast<std::size_t>(shared_bytes), body);
  }

  /// |out - want| / |want|; infinite where a number between the rows of out was touched.
  double distance() const {
    double apart = 0, size = 0;
    for (int t = 0; t < tokens; ++t) {
      for (int r = 0; r < rows; ++r) {
        const std::size_t at = count(t, out_stride) + static_cast<std::size_t>(r);
        double want = 0;
        const number *a = x.data() + count(t, stride), *b = w.data() + count(r, stride);
        for (int k = 0; k < depth; ++k) want += static_cast<double>(static_cast<float>(a[k])) * static_cast<double>(static_cast<float>(b[k]));
        if (sizeof(number) == 1) want *= static_cast<double>(x_scale[static_cast<std::size_t>(t)]) * (more ? static_cast<double>(w_scale[static_cast<std::size_t>(r)]) : 1.0);
        if (more) want += static_cast<double>(bias[static_cast<std::size_t>(r)]) + static_cast<double>(static_cast<float>(residual[at]));
        const double d = static_cast<double>(static_cast<float>(out[at])) - want;
        apart += d * d, size += want * want;
      }
      for (int r = rows; r < out_stride; ++r)
        if (static_cast<float>(out[count(t, out_stride) + static_cast<std::size_t>(r)]) != -7.0f) return INFINITY;
    }
    const double all = std::sqrt(apart / size);
    return std::isnan(all) ? INFINITY : all;
  }

 private:
  static number some(float normal) {
    if constexpr (std::is_integral_v<number>)
      return static_cast<number>(std::fmax(-128.0f, std::fmin(127.0f, 60 * normal)));
    else
      return number(normal);
  }
  static constexpr number between = [] {
    if constexpr (std::is_integral_v<number>)
      return number{77};
    else
      return number(std::numeric_limits<float>::quiet_NaN());
  }();
  static std::size_t count(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }
};

}  // namespace tenon::testing
