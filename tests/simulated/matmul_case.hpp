#pragma once
// Random products as GPU kernels take them, between their rows NaNs or, of int8, what would show, with the answer in double.

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/simulated.hpp>
#include <tenon/kernels/reference/quantise.hpp>

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

/// Problem: out. Strides are wider than rows; bytes beyond the last number are not registered. Numbers of 8 bits have a scale for each 128 of the depth of a token.
template <class Problem>
struct matmul_case {
  using out_type = typename Problem::out;
  using result = typename matmul_arguments<Problem>::result;
  static constexpr bool quantises = matmul_arguments<Problem>::quantises;
  int tokens, rows, depth;
  bool more;  // with a bias and a residual, where sums of one matrix are opened by none, and with scales of rows
  int stride, out_stride;
  int read_at_once = 1;  // the last rows of x and w exist up to a multiple of so many bytes
  using number = problem_number<Problem>;
  static constexpr bool gated = problem_matrices<Problem> == 2;
  std::vector<number> x, w, opened;
  std::vector<out_type> out;
  std::vector<result> residual;
  std::vector<float> bias, x_scale, w_scale, opened_scale, out_scale;  // scales of numbers of 8 bits

  matmul_case(int t, int r, int k, bool with, int out_slack = 0)
      : tokens(t),
        rows(r),
        depth(k),
        more(with),
        stride((k + 15) / 16 * 16 + 16),
        out_stride(quantises ? static_cast<int>(quantised_stride(r)) : r + out_slack),
        x(count(t, stride) + 64),
        w(count(r, stride) + 64),
        opened(w.size()),
        out(count(t, out_stride) + 64),
        residual(out.size()),
        bias(count(r, 1) + 64),
        x_scale(count((k + 127) / 128, t)),
        w_scale(count(r, 1)),
        opened_scale(count(r, 1)),
        out_scale(count((r + 127) / 128, t)) {
    std::mt19937 random(static_cast<unsigned>(t * 31 + r * 7 + k));
    std::normal_distribution<float> normal;
    for (auto* all : {&x, &w, &opened})
      for (std::size_t i = 0; i < all->size(); ++i)
        (*all)[i] = static_cast<int>(i) % stride < depth ? some(normal(random)) : between;
    for (result& value : residual) value = static_cast<result>(normal(random));
    for (float& value : bias) value = normal(random);
    for (auto* all : {&x_scale, &w_scale, &opened_scale})
      for (float& value : *all) value = std::fabs(normal(random)) * (std::is_integral_v<number> ? 0.01f : 1.0f);
  }

  matmul_arguments<Problem> arguments() {
    matmul_arguments<Problem> a{};
    a.x = x.data(), a.w = w.data(), a.out = out.data(), a.tokens = tokens, a.rows = rows, a.depth = depth;
    a.x_stride = a.w_stride = stride, a.out_stride = a.residual_stride = out_stride;
    a.bias = more && !gated ? bias.data() : nullptr;
    a.residual = more && !gated ? residual.data() : nullptr;
    a.opened = opened.data();
    if (sizeof(number) == 1) a.x_scale = x_scale.data(), a.w_scale = more ? w_scale.data() : nullptr, a.opened_scale = more ? opened_scale.data() : nullptr;
    if (quantises) a.out_scale = out_scale.data();
    return a;
  }
  template <class Leaf, class Words, class Machine>
  void run(const Machine& machine, const matmul_arguments<Problem>& a, int shared_bytes = Words::shared_bytes) {
    std::fill(out.begin(), out.end(), between_rows);
    std::fill(out_scale.begin(), out_scale.end(), -1.0f);
    // Of the last row only what exists: a kernel has nothing to look for beyond it.
    const int bytes = depth * static_cast<int>(sizeof(number));
    const auto last = static_cast<std::size_t>((bytes + read_at_once - 1) / read_at_once * read_at_once);
    machine.readable(x.data(), count(tokens - 1, stride) * sizeof(number) + last, "x");
    machine.readable(w.data(), count(rows - 1, stride) * sizeof(number) + last, "w");
    machine.readable(opened.data(), count(rows - 1, stride) * sizeof(number) + last, "what a gate opens");
    machine.readable(residual.data(), count(tokens, out_stride) * sizeof(result), "residual");
    machine.readable(bias.data(), count(rows, 1) * sizeof(float), "bias");
    machine.readable(x_scale.data(), x_scale.size() * sizeof(float), "scales of x");
    machine.readable(w_scale.data(), count(rows, 1) * sizeof(float), "scales of w");
    machine.readable(opened_scale.data(), count(rows, 1) * sizeof(float), "scales of what a gate opens");
    machine.writable(out.data(), count(tokens, out_stride) * sizeof(out_type), "out");
    machine.writable(out_scale.data(), out_scale.size() * sizeof(float), "scales of out");
    const auto tiles = [](int n, int of) { return (n + of - 1) / of; };
    machine.launch({tiles(rows, Words::block_rows), tiles(tokens, Words::block_tokens), 1}, {Words::threads},
                   static_cast<std::size_t>(shared_bytes), product_on<Words>(with_leaf<Leaf, Machine>{machine}, a));
  }

  /// |out - want| / |want|; infinite where a number between the rows of out was touched, or one of 8 bits there is none. Those of 8 bits are compared by what they
  /// stand for with the quantised product.
  double distance() const {
    std::vector<double> want = wanted(), got;
    if constexpr (quantises) {
      const std::vector<float> floats(want.begin(), want.end());
      std::vector<out_type> quanta(want.size());
      std::vector<double> scales(out_scale.size());
      tenon::reference::quantise(view<const float, 2>(floats.data(), tokens, rows), view<out_type, 2>(quanta.data(), tokens, rows), scales.data());
      for (std::size_t i = 0; i < want.size(); ++i)
        want[i] = scales[count(static_cast<int>(i) % rows / 128, tokens) + i / static_cast<std::size_t>(rows)] * static_cast<double>(static_cast<float>(quanta[i]));
    }
    for (int t = 0; t < tokens; ++t) {
      const auto at = [&](int r) { return count(t, out_stride) + static_cast<std::size_t>(r); };
      for (int r = 0; r < rows; ++r)
        got.push_back((quantises ? static_cast<double>(out_scale[count(r / 128, tokens) + static_cast<std::size_t>(t)]) : 1.0) * static_cast<double>(static_cast<float>(out[at(r)])));
      for (int r = rows; r < out_stride; ++r)
        if (static_cast<float>(out[at(r)]) != (quantises ? 0.0f : static_cast<float>(between_rows))) return INFINITY;
    }
    double apart = 0, size = 0;
    for (std::size_t i = 0; i < want.size(); ++i) apart += (got[i] - want[i]) * (got[i] - want[i]), size += want[i] * want[i];
    const double all = std::sqrt(apart / size);
    return std::isnan(all) ? INFINITY : all;
  }

 private:
  // A machine whose kernels run over another leaf.
  template <class Leaf, class Machine>
  struct with_leaf {
    using arch = typename Machine::arch;
    using leaf = Leaf;
    const Machine& machine;
    void launch(simulation::extent grid, simulation::extent block, std::size_t shared_bytes, const auto& body) const { machine.launch(grid, block, shared_bytes, body); }
    tensor_map encode(const tensor_shape& shape) const { return machine.encode(shape); }
  };
  double sum(int t, int r, const std::vector<number>& of, const std::vector<float>& scales) const {
    double out_of = 0;
    const number *a = x.data() + count(t, stride), *b = of.data() + count(r, stride);
    for (int k = 0; k < depth; ++k) {
      const double scale = sizeof(number) == 1 ? static_cast<double>(x_scale[count(k / 128, tokens) + static_cast<std::size_t>(t)]) : 1.0;
      out_of += scale * static_cast<double>(static_cast<float>(a[k])) * static_cast<double>(static_cast<float>(b[k]));
    }
    return sizeof(number) == 1 && more ? out_of * static_cast<double>(scales[static_cast<std::size_t>(r)]) : out_of;
  }
  // [token, row]
  std::vector<double> wanted() const {
    std::vector<double> all;
    for (int t = 0; t < tokens; ++t)
      for (int r = 0; r < rows; ++r) {
        double want = sum(t, r, w, w_scale);
        if constexpr (gated) want = problem_join<Problem>{}.open(want, sum(t, r, opened, opened_scale));
        if (more && !gated) want += static_cast<double>(bias[static_cast<std::size_t>(r)]) + static_cast<double>(static_cast<float>(residual[count(t, out_stride) + static_cast<std::size_t>(r)]));
        all.push_back(want);
      }
    return all;
  }
  static constexpr out_type between_rows = static_cast<out_type>(-7.0f);
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
