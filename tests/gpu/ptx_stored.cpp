// The kernels of products with stored weights for sm_80, or those that the file which includes this names, as the PTX that nvcc makes of them, executed and compared with the product in double.
#include "ptx_launch.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include <tenon/kernels/launch/gpu/matmul.hpp>
#include <tenon/kernels/launch/nvidia/matmul.hpp>
#include <tenon/kernels/launch/nvidia/matmul_sm90a.hpp>

#include "../simulated/stored_case.hpp"
#include "stored_problems.hpp"

namespace {

using namespace tenon_test;
using tenon::bf16;
using tenon::storage;
using tenon::testing::stored_case;
#if defined(TENON_TEST_STORED_KERNELS)
using kernels = TENON_TEST_STORED_KERNELS;
using gated_words = TENON_TEST_GATED_WORDS;
#else
using kernels = stored_kernels<absent_leaf, tenon::nvidia_panel_matmul>;
using gated_words = tenon::nvidia_matmul<absent_leaf, bf16, tenon::sm80, 2>;
#endif

/// What launch functions ask for maps, which are the executor's.
struct ptx_maps {
  using arch = tenon::sm90a;
  using leaf = absent_leaf;
  struct extent {
    int x, y, z;
  };
  template <class Body>
  void launch(extent, extent, std::size_t, const Body&) const {}
  tenon::tensor_map encode(const tenon::tensor_shape& of) const { return tenon_test::encode(of); }
};

ptx::Module& module() {
  static ptx::Module loaded = ptx::load(TENON_TEST_PTX);
  return loaded;
}
unsigned tiles(int n, int of) { return static_cast<unsigned>((n + of - 1) / of); }

template <class T>
std::unique_ptr<ptx::Buffer<T>> on_device(const T* from, std::size_t count, const char* what) {
  auto to = std::make_unique<ptx::Buffer<T>>(count, what);
  std::copy(from, from + count, to->data());
  return to;
}

/// A case, a second matrix of its kind where a gate asks for one, and their memory of the executor.
struct launched {
  stored_case c, up;
  std::unique_ptr<ptx::Buffer<float>> x, bias;
  std::unique_ptr<ptx::Buffer<std::byte>> w, w_up;
  int padded;
  ptx::Buffer<bf16> arranged;

  launched(storage kind, int tokens, int rows, int depth, std::mt19937& random)
      : c(kind, tokens, rows, depth, random), up(kind, tokens, rows, depth, random), padded((depth + 63) / 64 * 64),
        arranged(stored_case::count(tokens, padded), "arranged") {
    up.x = c.x;
    x = on_device<float>(c.x.data(), stored_case::count(tokens, depth), "x");
    bias = on_device<float>(c.bias.data(), stored_case::count(rows, 1), "bias");
    w = on_device<std::byte>(c.panels.data(), c.panel_bytes(), "w"), w_up = on_device<std::byte>(up.panels.data(), up.panel_bytes(), "up");
  }
  void arrange() {
    kernels::arrange body{x->data(), arranged.data(), c.depth, c.depth, padded, c.depth % 2 == 0};
    launch_clean(module(), "arrange", {static_cast<unsigned>(c.tokens), 1, 1}, body.threads, ptx::Args(body), 0, {});
  }
  template <class Body, class Out>
  Body tiled(ptx::Buffer<Out>& out, bool gate) {
    Body body{};
    body.in.x = arranged.data(), body.in.x_stride = padded, body.in.pitch = static_cast<std::ptrdiff_t>(c.panel_pitch), body.in.tokens = c.tokens;
    body.in.panels = (c.rows + 15) / 16, body.in.deep = padded, body.in.w[0] = w->data();
    if (gate) body.in.w[sizeof body.in.w / sizeof body.in.w[0] - 1] = w_up->data();
    if constexpr (requires { body.x; }) body.x = encode(tenon::operand_shape(body.in.x, c.tokens, padded, padded, 128));
    body.sink.out = out.data(), body.sink.bias = gate ? nullptr : bias->data(), body.sink.tokens = c.tokens, body.sink.rows = c.rows, body.sink.out_stride = c.rows;
    return body;
  }
  template <class Body, class Out>
  Body few(ptx::Buffer<Out>& out, bool gate) {
    Body body{};
    body.x = x->data(), body.x_stride = c.depth, body.pitch = static_cast<std::ptrdiff_t>(c.panel_pitch), body.depth = c.depth, body.wide = c.depth % 4 == 0;
    body.w[0] = w->data();
    if (gate) body.w[sizeof body.w / sizeof body.w[0] - 1] = w_up->data();
    body.sink.out = out.data(), body.sink.bias = gate ? nullptr : bias->data(), body.sink.tokens = c.tokens, body.sink.rows = c.rows, body.sink.out_stride = c.rows;
    return body;
  }
  /// silu(gate) * up, both without a bias.
  std::vector<double> gated(bool rounded) {
    std::fill(c.bias.begin(), c.bias.end(), 0.0f), std::fill(up.bias.begin(), up.bias.end(), 0.0f);
    auto want = c.want(rounded);
    const auto other = up.want(rounded);
    for (std::size_t i = 0; i < want.size(); ++i) want[i] = tenon::silu{}.open(want[i], other[i]);
    return want;
  }
};

/// Launches in every way: the same bits, within `bound` of `want`.
template <class Body, class Out>
void check(const char* kernel, ptx::Dim3 grid, const Body& body, ptx::Buffer<Out>& out, const std::vector<double>& want, double bound) {
  CAPTURE(kernel);
  std::vector<float> first;
  for (const ptx::Options& way : ptx_ways()) {
    std::fill(out.begin(), out.end(), Out(-7.0f));
    launch_clean(module(), kernel, grid, body.threads, ptx::Args(body), body.shared_bytes, way);
    std::vector<float> got;
    for (const Out& value : out) got.push_back(static_cast<float>(value));
    if (first.empty()) {
      first = got;
      CHECK(matmul_cases::relative_l2(got, want) < bound);
    }
    CHECK(first == got);
  }
}

template <class Format>
void tiled(const char* kernel, storage kind, std::mt19937& random) {
  launched l(kind, 37, 150, tenon::block_values(kind) == 256 ? 512 : tenon::block_values(kind) == 32 ? 224 : 75, random);
  l.arrange();
  ptx::Buffer<float> out(stored_case::count(37, 150), "out");
  using body = typename kernels::template tiled<Format>;
  check(kernel, {tiles(150, kernels::template words<Format, 1>::block_rows), 1, 1}, l.tiled<body>(out, false), out, l.c.want(true), 2e-5);
}
template <class Body>
void few(const char* kernel, storage kind, int tokens, std::mt19937& random) {
  launched l(kind, tokens, 53, tenon::block_values(kind) == 256 ? 1280 : tenon::block_values(kind) == 32 ? 1120 : 1001, random);
  ptx::Buffer<float> out(stored_case::count(tokens, 53), "out");
  check(kernel, {4, tiles(tokens, kernels::tokens_of<Body>), 1}, l.few<Body>(out, false), out, l.c.want(false), 2e-6);
}

TEST_CASE("weights as they are stored, by tiles") {
  std::mt19937 random(21);
  tiled<tenon::panel::i8>("stored_i8", storage::i8, random);
  tiled<tenon::panel::q8_0>("stored_q8_0", storage::q8_0, random);
  tiled<tenon::panel::q4_0>("stored_q4_0", storage::q4_0, random);
  tiled<tenon::panel::q4_1>("stored_q4_1", storage::q4_1, random);
  tiled<tenon::panel::q4_k>("stored_q4_k", storage::q4_k, random);
  tiled<tenon::panel::q6_k>("stored_q6_k", storage::q6_k, random);
}

TEST_CASE("few tokens") {
  std::mt19937 random(22);
  few<kernels::few<tenon::bf16_rows>>("few_bf16", storage::f16, 1, random);
  few<kernels::few<tenon::panel::i8>>("few_i8", storage::i8, 2, random);
  few<kernels::few<tenon::panel::q8_0>>("few_q8_0", storage::q8_0, 1, random);
  few<kernels::few<tenon::panel::q4_0>>("few_q4_0", storage::q4_0, 1, random);
  few<kernels::few<tenon::panel::q4_1>>("few_q4_1", storage::q4_1, 1, random);
  few<kernels::four<tenon::panel::q4_k>>("few_q4_k", storage::q4_k, 6, random);
  few<kernels::few<tenon::panel::q6_k>>("few_q6_k", storage::q6_k, 1, random);
}

TEST_CASE("gates of two products in one kernel") {
  std::mt19937 random(23);
  {
    launched l(storage::q4_k, 70, 90, 512, random);
    l.arrange();
    ptx::Buffer<bf16> out(stored_case::count(70, 90), "out");
    check("gated_q4_k", {tiles(90, kernels::words<tenon::panel::q4_k, 2>::block_rows), 1, 1}, l.tiled<kernels::gated<tenon::panel::q4_k>>(out, true), out, l.gated(true), 2.5e-3);
  }
  launched l(storage::q6_k, 1, 53, 1280, random);
  ptx::Buffer<bf16> out(53, "out");
  check("few_gated_q6_k", {4, 1, 1}, l.few<kernels::few_gated<tenon::panel::q6_k>>(out, true), out, l.gated(false), 2.5e-3);
}

TEST_CASE("a gate of two matrices of bf16 rows in one kernel, tiles that end anywhere") {
  constexpr int tokens = 70, rows = 90, depth = 136;
  std::mt19937 random(24);
  std::normal_distribution<float> normal;
  ptx::Buffer<bf16> x(tokens * depth, "x"), gate(rows * depth, "gate"), up(rows * depth, "up");
  for (auto* of : {&x, &gate, &up})
    for (std::size_t i = 0; i < of->size(); ++i) (*of)[i] = bf16(normal(random));
  std::vector<double> want;
  for (int t = 0; t < tokens; ++t)
    for (int r = 0; r < rows; ++r) {
      double sums[2] = {};
      for (int k = 0; k < depth; ++k) {
        const double value = static_cast<float>(x[static_cast<std::size_t>(t * depth + k)]);
        sums[0] += value * static_cast<double>(static_cast<float>(gate[static_cast<std::size_t>(r * depth + k)]));
        sums[1] += value * static_cast<double>(static_cast<float>(up[static_cast<std::size_t>(r * depth + k)]));
      }
      want.push_back(sums[0] / (1 + std::exp(-sums[0])) * sums[1]);
    }
  for (const ptx::Options& way : ptx_ways()) {
    ptx::Buffer<float> out(tokens * rows, "out");
    tenon::matmul_arguments<tenon::gated_product<bf16, float, tenon::silu>> call{};
    call.x = x.data(), call.w = gate.data(), call.opened = up.data(), call.x_stride = call.w_stride = depth;
    call.out = out.data(), call.out_stride = rows, call.tokens = tokens, call.rows = rows, call.depth = depth;
    const auto body = tenon::product_on<gated_words>(ptx_maps{}, call);
    launch_clean(module(), "gated_bf16", {tiles(rows, gated_words::block_rows), tiles(tokens, gated_words::block_tokens), 1}, body.threads, ptx::Args(body), static_cast<unsigned>(gated_words::shared_bytes), way);
    double off = 0, size = 0;
    for (std::size_t i = 0; i < want.size(); ++i) off += (static_cast<double>(out[i]) - want[i]) * (static_cast<double>(out[i]) - want[i]), size += want[i] * want[i];
    CHECK(std::sqrt(off / size) < 2e-5);
  }
}

}  // namespace
